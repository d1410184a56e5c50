package bound

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/child"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// linger is how long what COMMAND left may take to exit by itself, as the rest of a pipeline does, before it is told to.
const linger = 100 * time.Millisecond

// processors is how many goroutines run at once: no more can be in want of a thread.
const processors = 2

// spareThreads is how many threads it takes to end all, at the most: of those goroutines, and of three that wait in the kernel.
const spareThreads = 5

// run is the state of one order.
type run struct {
	*Order
	keeping keeping
	bond    bond
	child   *child.Child
	*signals.Pipe
	again   time.Time // when a keeper that could not be replaced is to be tried again; zero for never
	later   []syscall.Signal
	out     Outcome
	witness *witness // nil where it is not needed, or not to be had
}

// Run runs the command until it exits, or is ended at the limit or with its owner, and returns when none of its descendants
// is left. Signals to this process are passed on to it, and shorten the grace once it has exited. The error of a command
// that could not be started is that of child.Start, of a scope that cannot be had an *UnavailableError.
//
// This process must have no other children that it waits for itself.
func Run(o Order) (out Outcome, err error) {
	runtime.LockOSThread() // the command dies with the thread that started it
	defer runtime.UnlockOSThread()
	runtime.GOMAXPROCS(min(processors, runtime.NumCPU()))
	ignored := ignored() // before that changes
	r := &run{Order: &o}
	if r.Pipe, err = signals.NewPipe(); err != nil {
		return out, err
	}
	r.Take(told()...)
	defer r.GiveBack(told()...)
	spawn.HaveThreads(spareThreads) // before COMMAND can have taken them all
	if err := r.prepare(); err != nil {
		return r.out, err
	}
	r.Command.Ignored = ignored
	tty := openTerminal() // before the command can have taken it
	defer tty.restore(r.keeping.orphans.Collect)
	if tty != nil && r.Upper == nil { // job control is the affair of the one that the shell knows
		r.witness = newWitness(r.keeping.orphans)
	}
	defer r.witness.close()
	if err := r.start(tty != nil); err != nil {
		return r.out, err
	}
	defer r.child.Close()
	err = r.follow()
	if failed := r.bond.close(); err == nil && failed != nil {
		if err = r.survived(failed); err == nil {
			r.tell("%v", failed)
		}
	}
	if err == nil {
		r.out.Ending, err = r.child.Reap()
	}
	if err == nil {
		dumpNoCore(r.out.Ending)
	}
	return r.out, err
}

func (r *run) prepare() (err error) {
	r.keeping = keeping{owner: r.Owner, raised: raised(r.Command.Path), late: r.Grace + killWait}
	if r.Limit > 0 {
		r.keeping.until = time.Now().Add(r.Limit)
	}
	if r.keeping.strange, err = children(); err != nil {
		return err
	}
	r.keeping.orphans = child.AdoptOrphans()
	if r.bond, err = r.open(r.keeping); err != nil {
		return err
	}
	name := r.Command.Args[0]
	switch {
	case r.Upper != nil:
		signal.Ignore(unix.SIGTTOU) // in the background of the terminal as it is, it has a line to print
	case r.bond.scope() == Tree:
		r.runAgain()
		fallthrough
	default:
		r.tell("%s: bound by a %s", name, r.bond.scope().noun())
	}
	return nil
}

// start has the command held until it is in its bond.
func (r *run) start(terminal bool) error {
	ctx := context.Background()
	std, others, closeAll, err := spawn.Inherited()
	defer closeAll()
	if err != nil { // without /proc there are the standard ones
		std = standard()
	}
	r.Command.Stdin, r.Command.Stdout, r.Command.Stderr, r.Command.ExtraFiles = std[0], std[1], std[2], others
	switch {
	case r.above():
	case r.Upper != nil:
		r.Command.ProcessGroup = &r.Upper.group
		fallthrough
	default:
		r.bond.place(&r.Command)
	}
	c, err := child.Reserve(ctx, child.Spec{Orphans: r.keeping.orphans, Nameless: true, Meanwhile: r.meanwhile})
	if err == nil {
		err = c.Hold(ctx, r.Command)
	}
	if err == nil {
		if err = r.bond.admit(c); err == nil {
			err = r.letGo(ctx, c, terminal)
		}
	}
	if err != nil {
		r.witness.close()
		_ = r.bond.close() // nothing has run in it
		c.Close()
		return err
	}
	return nil
}

// letGo has the command execute, and is there meanwhile for one that the terminal stops before it does.
func (r *run) letGo(ctx context.Context, c *child.Child, terminal bool) error {
	r.child = c
	r.followStops(terminal)
	err := c.LetGo(ctx)
	for _, s := range r.later {
		if err == nil {
			r.pass(s)
		}
	}
	return err
}

// meanwhile returns when the command executes, or has failed to. It would die unrun of some signals: they come later.
func (r *run) meanwhile(line int) {
	for over := false; !over; {
		over = r.await(time.Time{}, readable(line))[0]
		for _, s := range r.Heard() {
			switch s {
			case unix.SIGCHLD, unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
				r.pass(s)
			default:
				r.later = append(r.later, s)
			}
		}
	}
}

// follow is from the start of the command to the end of all.
func (r *run) follow() error {
	command, err := unix.PidfdOpen(r.child.PID(), 0)
	if err != nil { // a filter
		command = -1
		r.after(r.child.Done())
	} else {
		defer unix.Close(command)
	}
	late, owner, upper := r.keeping.until, r.Owner.poll(), r.Upper.done()
	if upper != nil {
		r.after(upper)
	}
	if r.above() { // the other one has an eye on them
		late, owner.Fd = time.Time{}, -1
	}
	for over := false; !over; {
		ready := r.await(sooner(late, r.again), readable(command), owner, readable(r.bond.keeperFD()))
		for _, s := range r.Heard() {
			r.pass(s)
		}
		switch {
		case (ready[0] || command < 0) && r.child.Over():
			over = true
		case passed(late):
			r.out.Late, over = true, true
		case ready[1] && gone(owner):
			r.out.Orphan, over = true, true
		case closed(upper):
			return nil // all that is left is killed at once
		case ready[2] || passed(r.again):
			r.guard()
		}
	}
	r.witness.close()   // or it were one of those that are left
	if r.child.Over() { // whatever came first
		end, err := r.child.Reap()
		if err != nil {
			return err
		}
		killed := end.Signal == syscall.SIGKILL // by the keeper, if we were stopped when its time came
		r.out.Late = killed && !r.keeping.until.IsZero() && r.child.Ended().After(r.keeping.until)
		r.out.Orphan = killed && !r.out.Late && gone(owner)
		if r.above() { // the other one was killed, or has left nothing
			pids, _ := r.bond.members()
			r.out.Killed = named(pids)
			return nil
		}
		if !r.lingers() {
			return nil
		}
	}
	return r.end()
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// lingers says that COMMAND left processes that do not exit by themselves.
func (r *run) lingers() bool {
	if r.bond.empty() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), linger)
	defer cancel()
	if r.bond.Wait(ctx) == nil {
		return false
	}
	pids, _ := r.bond.members()
	r.out.Left = named(pids)
	return true
}

// guard replaces a keeper. Where there is no room for another one it is tried again.
func (r *run) guard() {
	r.again = time.Time{}
	err := r.bond.guard()
	if err != nil {
		r.again = time.Now().Add(100 * time.Millisecond)
	}
	r.tell("the process that would end COMMAND with this one was killed; another one: %v", err)
}

// end is TERM, grace and KILL, to all.
func (r *run) end() error {
	_, blind := r.bond.members() // without /proc
	if r.Grace > 0 && !(errors.Is(blind, proc.ErrNoProc) && r.child.Over()) {
		ctx, cancel := context.WithTimeout(context.Background(), r.Grace)
		defer cancel()
		_ = r.bond.Signal(syscall.SIGTERM) // those that it does not reach KILL will
		_ = r.bond.Resume()
		gone := make(chan error, 1)
		go func() {
			gone <- r.bond.Wait(ctx)
			r.Ring()
		}()
		for waiting := true; waiting; {
			ready := r.await(r.again, readable(r.bond.keeperFD()))
			for _, s := range r.Heard() {
				if r.child.Over() && ends(s) {
					cancel()
				} else {
					r.pass(s)
				}
			}
			select {
			case err := <-gone:
				if err == nil {
					return nil
				}
				waiting = false
			case <-r.Upper.done():
				return nil
			default:
				if ready[0] || passed(r.again) {
					r.guard()
				}
			}
		}
	}
	pids, _ := r.bond.members()
	r.out.Killed = named(pids)
	err := r.bond.Signal(syscall.SIGKILL)
	if errors.Is(err, proc.ErrNotFound) {
		err = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), killWait)
	defer cancel()
	if r.bond.Wait(ctx) != nil {
		return r.survived(err)
	}
	return nil
}

func (r *run) survived(why error) error {
	pids, _ := r.bond.members()
	if len(pids) == 0 {
		return nil
	}
	return &SurvivedError{named(pids), why}
}

// named is each process with its name, or, of those that Join leaves out, its PID: KILL is not to wait for a thousand looks.
func named(pids []int) (all []string) {
	for _, pid := range pids {
		if len(all) > joined {
			all = append(all, strconv.Itoa(pid))
			continue
		}
		h, err := proc.Open(pid)
		if err != nil {
			continue
		}
		info, err := h.Info()
		if alive, _ := h.Alive(); alive && err == nil {
			all = append(all, fmt.Sprintf("%s (%d)", info.Name, pid))
		}
		h.Close()
	}
	return all
}
