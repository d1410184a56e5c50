package health

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pidbox/lib/listener"
)

// Owner is the processes whose answers count.
type Owner struct {
	Leader  int
	Members func() ([]int, error) // all of them; only asked where the leader does not listen itself
}

// Owned is a check that believes a healthy answer of this machine only if those who listen there are the owner's: any
// process can answer on a port, also what is left of an old instance. An answer of somebody else is a *StrangerError.
// Where it cannot be seen who listens, as on another machine, or there is no address, as of a command, the answer counts.
func Owned(c Check, o Owner) Check { return &owned{c, o} }

// OwnedAll is Owned of each.
func OwnedAll(checks []Check, o Owner) []Check {
	all := make([]Check, len(checks))
	for i, c := range checks {
		all[i] = Owned(c, o)
	}
	return all
}

type owned struct {
	of    Check
	owner Owner
}

func (c *owned) String() string { return c.of.String() }

func (c *owned) Check(ctx context.Context) error {
	a := attemptOf(ctx)
	if a == nil {
		a = &attempt{}
		ctx = context.WithValue(ctx, attemptKey{}, a)
	}
	if err := c.of.Check(ctx); err != nil {
		return err
	}
	return c.owner.judge(a)
}

// StrangerError is an answer that was not the owner's. It says nothing about the owner: ErrNotAsked is in its chain.
type StrangerError struct {
	PID    int    // 0: not to be seen
	Name   string // "" likewise
	Leader int    // of those who should have answered
	Beside bool   // they listen there, too
}

func (e *StrangerError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
		if e.Name != "" {
			who += " (" + e.Name + ")"
		}
	}
	if e.Beside {
		return fmt.Sprintf("%s listens there beside process %d", who, e.Leader)
	}
	return fmt.Sprintf("answered by %s, not by process %d or its children", who, e.Leader)
}

func (e *StrangerError) Is(target error) bool { return target == ErrNotAsked }

// judge looks for the sockets that a finished attempt was answered by, and for those who have them open.
func (o Owner) judge(a *attempt) error {
	for _, p := range a.answered() {
		if err := o.judgeAt(p); err != nil {
			return err
		}
	}
	return nil
}

func (o Owner) judgeAt(p place) error {
	var members []int
	all := func() ([]int, error) {
		var err error
		if len(members) == 0 {
			if members, err = o.Members(); err != nil {
				err = unasked(err.Error(), err)
			}
		}
		return members, err
	}
	sockets, err := p.listening([]int{o.Leader})
	if errors.Is(err, listener.ErrUnseen) { // perhaps in the network namespace of another
		pids, err := all()
		if err != nil {
			return err
		}
		if sockets, err = p.listening(pids); errors.Is(err, listener.ErrUnseen) && p.network == "unix" {
			return o.accepted(p.address, pids)
		}
	}
	if len(sockets) == 0 {
		return nil // it cannot be seen
	}
	left := make(map[uint64]listener.Socket, len(sockets))
	for _, s := range sockets {
		left[s.Inode] = s
	}
	hidden := listener.Strike(o.Leader, left)
	if len(left) == 0 {
		return nil
	}
	pids, err := all()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := listener.Strike(pid, left); err != nil {
			hidden = err
		}
		if len(left) == 0 {
			return nil
		}
	}
	return o.stranger(left, len(sockets), hidden)
}

// stranger says who has the sockets open. Where the owner's processes cannot be looked into, sockets of their user are
// taken for theirs.
func (o Owner) stranger(left map[uint64]listener.Socket, of int, hidden error) error {
	user := ownerOf(o.Leader)
	alike := true
	for _, s := range left {
		alike = alike && user >= 0 && s.UID == user
		if pid := listener.Holder(s); pid != 0 {
			return &StrangerError{pid, nameOf(pid), o.Leader, len(left) < of}
		}
	}
	switch {
	case hidden != nil && alike:
		return nil
	case hidden != nil:
		return unasked(fmt.Sprintf("cannot tell whether process %d answered: %v", o.Leader, plainFile(hidden)), hidden)
	}
	return &StrangerError{Leader: o.Leader, Beside: len(left) < of}
}

// accepted judges by who began to listen on a UNIX socket.
func (o Owner) accepted(path string, pids []int) error {
	pid, err := listener.Acceptor(path)
	if err != nil || pid == 0 {
		return nil // it cannot be seen
	}
	for _, member := range append(pids, o.Leader) {
		if member == pid {
			return nil
		}
	}
	return &StrangerError{PID: pid, Name: nameOf(pid), Leader: o.Leader}
}

// listening are the sockets by which a connection to a place was answered.
func (p place) listening(pids []int) ([]listener.Socket, error) {
	switch p.network {
	case "tcp":
		address, err := netip.ParseAddrPort(p.address)
		if err != nil {
			return nil, err
		}
		return listener.TCP(address, pids)
	case "unix":
		return listener.UNIX(p.address)
	}
	return nil, errors.ErrUnsupported
}

func nameOf(pid int) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return printable(strings.TrimSpace(string(text)))
}

// TakenError is a target that is healthy before the command runs whose health it is to be.
type TakenError struct{ Target string }

func (e *TakenError) Error() string {
	return e.Target + ": healthy already, before COMMAND runs: another process answers there"
}

// Addressed says that a check asks at an address, at which somebody else may answer: it is no command, and no file.
func Addressed(c Check) bool {
	switch c.(type) {
	case *execCheck, fileCheck:
		return false
	}
	return true
}

// Unclaimed asks each check once while the command that they are for does not run yet. One that is healthy already, and of
// which it cannot be seen who answers, would take another's health for the command's: *TakenError. Of those that Owned can
// judge nothing is said.
func Unclaimed(ctx context.Context, checks []Check) error {
	const enough = time.Second
	ctx, cancel := context.WithTimeout(ctx, enough)
	defer cancel()
	taken := make([]error, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			a := &attempt{}
			if c.Check(context.WithValue(ctx, attemptKey{}, a)) != nil {
				return
			}
			seen := func(p place) bool {
				sockets, err := p.listening(nil)
				return err == nil && len(sockets) > 0
			}
			if !slices.ContainsFunc(a.answered(), seen) {
				taken[i] = &TakenError{c.String()}
			}
		})
	}
	all.Wait()
	for _, err := range taken {
		if err != nil {
			return err
		}
	}
	return nil
}
