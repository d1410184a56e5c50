package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/cgroup"
	"pidbox/lib/proc"
)

// standing is those that a guard stops and resumes.
type standing struct {
	stop   func() error
	resume func()
	close  func()
	gone   chan struct{} // closed once there is nothing left to resume
}

// settleLimit is how long those that are stopped may take until they stand: one of them may be in the kernel.
const settleLimit = 10 * time.Second

func newStanding(whom string) (*standing, error) {
	switch kind, which, _ := strings.Cut(whom, " "); {
	case kind == "group" && which != "":
		return groupStanding(which)
	case kind == "tree" && which != "":
		return treeStanding(strings.Split(which, ";"))
	}
	return nil, fmt.Errorf("%q says nothing to pause", whom)
}

func groupStanding(path string) (*standing, error) {
	g, err := cgroup.Open(path)
	if err != nil {
		return nil, err
	}
	s := &standing{gone: make(chan struct{}), close: func() {}, resume: func() { _ = g.Thaw() }}
	s.stop = func() error {
		limited, cancel := context.WithTimeout(context.Background(), settleLimit)
		defer cancel()
		return g.Freeze(limited)
	}
	go func() {
		if g.Wait(context.Background()) == nil {
			close(s.gone)
		}
	}()
	return s, nil
}

// treeStanding stops those and what descends from them.
func treeStanding(identities []string) (*standing, error) {
	var families []*proc.Family
	var first *proc.Handle
	for _, text := range identities {
		recorded, err := proc.ParseIdentity(text)
		if err != nil {
			return nil, fmt.Errorf("identity of a process: %w", err)
		}
		h, err := proc.Open(recorded.PID)
		if err != nil {
			continue // it has ended
		}
		if now, err := h.Identity(); err != nil || recorded.Compare(now) != proc.Same {
			continue
		}
		if first == nil {
			first = h
		}
		if f, err := h.Family(proc.Tree, nil); err == nil {
			families = append(families, f)
		}
	}
	if first == nil {
		return nil, fmt.Errorf("those to be paused: %w", proc.ErrNotFound)
	}
	signal := func(sig syscall.Signal) (err error) {
		for _, f := range families {
			if one := f.Signal(sig); !errors.Is(one, proc.ErrNotFound) {
				err = errors.Join(err, one)
			}
		}
		return err
	}
	s := &standing{gone: make(chan struct{}), resume: func() { _ = signal(syscall.SIGCONT) }}
	s.close = func() {
		for _, f := range families {
			f.Close()
		}
	}
	s.stop = func() error {
		if err := signal(syscall.SIGSTOP); err != nil {
			return err
		}
		return settle(families)
	}
	go func() {
		for _, f := range families {
			if f.Wait(context.Background()) != nil {
				return
			}
		}
		close(s.gone)
	}()
	return s, nil
}

// settle waits until those that were stopped show it: the last of their threads may be in the kernel for a moment.
func settle(families []*proc.Family) error {
	for end := time.Now().Add(settleLimit); ; time.Sleep(time.Millisecond) {
		var pids []int
		for _, f := range families {
			some, err := f.Members()
			if err != nil {
				return err
			}
			pids = append(pids, some...)
		}
		if len(pids) == 0 || stopped(pids) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the processes did not stop within %v", settleLimit)
		}
	}
}
