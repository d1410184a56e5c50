// Package daemon detaches a command and returns when it is true that it runs: its pidfile is complete, it was executed,
// it lived for as long as it had to and said that it is ready. Of a start that fails nothing is left: no process, no
// pidfile, no lock.
//
// A daemon is a child (package child), detached, with all that descends from it as its scope, which has to show that it
// is ready. Children that the starter had before are left alone.
package daemon

import (
	"context"
	"io/fs"
	"os"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/ready"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// Order says what to start, and when it counts as started.
type Order struct {
	Command        spawn.Command // its Stdout and Stderr are opened from the files below, if these are given
	Stdout, Stderr string        // files to append to; "" is /dev/null
	Truncate       bool          // empty them first

	PIDFile  string // "" for none
	Rules    pidfile.Rules
	Mode     fs.FileMode // of the pidfile; 0: 0644 less the umask
	HoldLock bool        // the daemon keeps the pidfile locked for life
	LockFile string      // the daemon keeps this file locked for life; "" for none

	Cgroup  bool                         // it has a control group of its own, where one can be had
	Instead func(what string, why error) // hears what it has instead; may be nil

	Want       ready.Want
	Stop       signals.Schedule // for a daemon that does not become ready; nil: the default one
	Supervisor bool             // the first step of Stop is for the daemon alone, which stops what it started

	Wait time.Duration // for a process that has the pidfile to end

	Tell func(format string, args ...any) // hears of each step; may be nil
	Made func(dir string)                 // hears, once it runs, of each directory that was made for it; may be nil
}

// Start starts the daemon and returns the PID that its pidfile holds. Besides the errors of pidfile.Reserve and of
// package spawn there are *DiedError, *NotReadyError, *LockedError, and the cause of ctx. What could not be undone is
// joined to them.
func Start(ctx context.Context, o Order) (pid int, err error) {
	s := &start{Order: o}
	defer func() {
		s.close()
		if err != nil {
			s.unmake()
		}
	}()
	err = s.prepare(ctx)
	if err == nil {
		err = s.launch(ctx)
	}
	if err == nil {
		if err = s.settle(ctx); err != nil {
			err = s.undo(err)
		}
	}
	if err != nil {
		return 0, err
	}
	if s.Made != nil {
		for _, dir := range s.made {
			s.Made(dir)
		}
	}
	return s.child.PID(), nil
}

// start is one Start on its way.
type start struct {
	Order
	lock   *os.File
	logs   logs
	course *ready.Course
	child  *child.Child
	began  time.Time // when it was forked
	made   []string  // directories
}

func (s *start) tell(format string, args ...any) {
	if s.Tell != nil {
		s.Tell(format, args...)
	}
}

// spareThreads is how many threads the rest of a start wants beside those that run already, at the most. The command may use up
// what the user may have, and then the runtime would end this program while the command runs.
const spareThreads = 8

// prepare takes and opens all that needs no process.
func (s *start) prepare(ctx context.Context) (err error) {
	spawn.HaveThreads(spareThreads)
	if s.Stop == nil {
		s.Stop = signals.Default()
	}
	if s.Command.User != nil {
		s.Rules = s.Rules.Trusting(s.Command.User.UID)
	}
	s.Rules.Made = func(dir string) { s.made = append(s.made, dir) }
	spec := child.Spec{
		Detach: true, Scope: proc.Tree, Cgroup: s.Cgroup, Instead: s.Instead,
		PIDFile: s.PIDFile, Rules: s.Rules, Mode: s.Mode, HoldLock: s.HoldLock, Wait: s.Wait,
		Held: func() error { return s.course.Held(ctx) },
	}
	if s.child, err = child.Reserve(ctx, spec); err != nil {
		return err
	}
	if was := s.child.Found(); was != nil {
		s.tell("%s: reserved, it was %s", s.PIDFile, was.State)
	}
	if s.LockFile != "" {
		if s.lock, err = pidfile.HoldLock(s.LockFile); err != nil {
			return &LockedError{s.LockFile, err}
		}
		s.tell("%s: locked", s.LockFile)
	}
	if s.logs, err = openLogs(s.Stdout, s.Stderr, s.Truncate, s.Command.User, logPolicy(s.Rules)); err != nil {
		return err
	}
	if s.logs.out != nil {
		s.Command.Stdout = s.logs.out
	}
	if s.logs.err != nil {
		s.Command.Stderr = s.logs.err
	}
	s.course, err = s.Want.Open(&s.Command)
	return err
}

// launch holds the child, records it and lets it go. One that is to get ready has the time for that to be executed,
// too.
func (s *start) launch(ctx context.Context) error {
	s.began = time.Now()
	late := &NotReadyError{After: s.Want.Timeout, Reason: "it was not executed yet"}
	if s.Want.Shown() && s.Want.Timeout > 0 {
		bounded, cancel := context.WithTimeoutCause(ctx, s.Want.Timeout, late)
		defer cancel()
		ctx = bounded
	}
	if err := s.child.Hold(ctx, s.Command); err != nil {
		return err
	}
	pid := s.child.PID()
	late.PID = pid
	s.tell("process %d: held", pid)
	if err := s.child.Record(ctx); err != nil {
		return err
	}
	var keep []*os.File
	if s.lock != nil {
		keep = append(keep, s.lock)
	}
	if err := s.child.LetGo(ctx, keep...); err != nil {
		return err
	}
	s.tell("process %d: runs %s", pid, s.Command.Path)
	return nil
}

func (s *start) close() {
	s.logs.close()
	if s.course != nil {
		s.course.Close()
	}
	if s.lock != nil {
		s.lock.Close()
	}
	s.child.Close()
}
