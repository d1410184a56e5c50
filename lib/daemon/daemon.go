// Package daemon detaches a command and returns when it is true that it runs: its pidfile is complete, it was executed,
// it lived for as long as it had to and said that it is ready. Of a start that fails nothing is left: no process, no
// pidfile, no lock.
//
// The claim comes before the command: the pidfile is reserved, then written with the identity of a child that is held
// one step before its exec and ends if its holder does. So a pidfile names the daemon or a process that is gone, and no
// daemon runs without one, even if the starter is killed half-way.
//
// Children that the starter had before are left alone.
package daemon

import (
	"context"
	"io/fs"
	"os"
	"syscall"
	"time"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
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

	MinUptime    time.Duration
	Ready        Readiness // nil: to run is to be ready
	ReadyTimeout time.Duration
	Stop         signals.Schedule // for a daemon that does not become ready; nil: the default one
	Supervisor   bool             // the first step of Stop is for the daemon alone, which stops in good order what it has started

	Tell func(format string, args ...any) // hears of each step; may be nil
}

// Start starts the daemon and returns the PID that its pidfile holds. Besides the errors of pidfile.Reserve and of
// package spawn there are *DiedError, *NotReadyError, *LockedError, and the cause of ctx. What could not be undone is
// joined to them.
func Start(ctx context.Context, o Order) (pid int, err error) {
	s := &start{Order: o, ended: make(chan *spawn.Ending, 1)}
	defer s.close()
	if err := s.prepare(ctx); err != nil {
		return 0, err
	}
	defer spawn.AdoptOrphans()()
	if s.process, err = spawn.Detach(s.Command); err != nil {
		return 0, err
	}
	if err := s.launch(ctx); err != nil {
		return 0, err
	}
	if err := s.settle(ctx); err != nil {
		return 0, s.undo(err)
	}
	return s.main.PID(), nil
}

// start is one Start on its way.
type start struct {
	Order
	others  others
	place   *pidfile.Reservation
	lock    *os.File
	logs    logs
	process *spawn.Process
	session int          // the daemon's; 0: not known
	main    *proc.Handle // the daemon: process, or what MAINPID named
	ended   chan *spawn.Ending
	status  string // what the daemon said of itself last
}

func (s *start) tell(format string, args ...any) {
	if s.Tell != nil {
		s.Tell(format, args...)
	}
}

// prepare takes and opens all that needs no process.
func (s *start) prepare(ctx context.Context) (err error) {
	s.others = findOthers()
	if s.Stop == nil {
		s.Stop = signals.Default()
	}
	if s.Command.User != nil {
		s.Rules = s.Rules.Trusting(s.Command.User.UID)
	}
	if s.PIDFile != "" {
		if s.place, err = pidfile.Reserve(ctx, s.PIDFile, s.Rules, s.Mode, 0); err != nil {
			return err
		}
		s.tell("%s: reserved, it was %s", s.PIDFile, s.place.Holder.State)
	}
	if s.LockFile != "" {
		if s.lock, err = pidfile.HoldLock(s.LockFile); err != nil {
			return &LockedError{s.LockFile, err}
		}
		s.tell("%s: locked", s.LockFile)
	}
	if s.logs, err = openLogs(s.Stdout, s.Stderr, s.Truncate, s.Command.User); err != nil {
		return err
	}
	if s.logs.out != nil {
		s.Command.Stdout = s.logs.out
	}
	if s.logs.err != nil {
		s.Command.Stderr = s.logs.err
	}
	if s.Ready != nil {
		return s.Ready.open(&s.Command)
	}
	return nil
}

// launch records the held child and lets it go.
func (s *start) launch(ctx context.Context) error {
	s.main = s.process.Handle()
	if info, err := s.main.Info(); err == nil {
		s.session = info.Session
	}
	s.tell("process %d: held", s.process.PID())
	var keep []*os.File
	err := context.Cause(ctx)
	if err == nil && s.place != nil {
		err = s.place.Write(s.main)
	}
	if err == nil && s.HoldLock && s.place != nil {
		var f *os.File
		if f, err = s.place.LockFile(); err == nil {
			defer f.Close()
			keep = append(keep, f)
		}
	}
	if s.lock != nil {
		keep = append(keep, s.lock)
	}
	if err == nil {
		err = s.let(ctx, keep)
	} else {
		s.process.Abort()
	}
	if err != nil && s.place != nil {
		if again := s.place.Remove(); again != nil {
			s.tell("%s: %v", s.PIDFile, again)
		}
	}
	s.freePlace()
	if err == nil {
		s.tell("process %d: runs %s", s.process.PID(), s.Command.Path)
	}
	return err
}

// let has the child execute its command, which takes long where it is stopped or a file system does not answer: then it is
// killed with the end of ctx, or of the time that it has to get ready.
func (s *start) let(ctx context.Context, keep []*os.File) error {
	if s.Ready != nil {
		late := &NotReadyError{PID: s.main.PID(), After: s.ReadyTimeout, Reason: "it was not executed yet"}
		bounded, cancel := context.WithTimeoutCause(ctx, s.ReadyTimeout, late)
		defer cancel()
		ctx = bounded
	}
	stop := context.AfterFunc(ctx, func() { _ = s.main.Signal(syscall.SIGKILL) })
	err := s.process.Go(keep...)
	if stop() {
		return err
	}
	if err == nil { // executed just now
		_ = s.main.Wait(context.Background())
	}
	return context.Cause(ctx)
}

func (s *start) freePlace() {
	if s.place != nil {
		s.place.Close()
		s.place = nil
	}
}

func (s *start) close() {
	s.freePlace()
	s.logs.close()
	if s.Ready != nil {
		s.Ready.close()
	}
	if s.lock != nil {
		s.lock.Close()
	}
	if s.process != nil {
		if s.main != s.process.Handle() {
			s.main.Close()
		}
		s.process.Close()
	}
}
