//go:build !linux

package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"pidbox/lib/proc"
)

// Process is a child of this process, held until Go or Abort. There are none outside Linux, where no child can be held
// one step before its exec.
type Process struct {
	pid    int
	handle *proc.Handle
}

func unsupported() error {
	return fmt.Errorf("starting a held child needs Linux: %w", errors.ErrUnsupported)
}

// Start needs Linux.
func Start(context.Context, Command, bool) (*Process, error) { return nil, unsupported() }

// Detach needs Linux.
func Detach(context.Context, Command) (*Process, error) { return nil, unsupported() }

// Release needs Linux.
func (*Process) Release(...*os.File) error { return unsupported() }

// Executed needs Linux.
func (*Process) Executed() error { return unsupported() }

// Line needs Linux.
func (*Process) Line() int { return -1 }

// Wait needs Linux.
func (*Process) Wait(context.Context) (Ending, error) { return Ending{}, unsupported() }

// Abort needs Linux.
func (*Process) Abort() error { return unsupported() }

// Close does nothing.
func (*Process) Close() {}

// Exec replaces this process by cmd. It returns only on failure, and then this process may have lost privileges: report
// and exit.
func Exec(cmd Command) error {
	if len(cmd.Keep) > 0 {
		return unsupported()
	}
	if cmd.Nice != nil || cmd.OOMScoreAdj != nil || cmd.Limits != nil || cmd.NoNewPrivs || cmd.Capabilities != nil {
		return fmt.Errorf("nice values, limits and capabilities: %w", errors.ErrUnsupported)
	}
	if cmd.Umask != nil {
		syscall.Umask(*cmd.Umask)
	}
	if u := cmd.User; u != nil {
		if err := errors.Join(syscall.Setgroups(u.Groups), syscall.Setgid(u.GID), syscall.Setuid(u.UID)); err != nil {
			return &StepError{"become the user " + u.Name, err}
		}
	}
	if cmd.Dir != "" {
		if err := os.Chdir(cmd.Dir); err != nil {
			return &StepError{"change to the directory " + cmd.Dir, err}
		}
	}
	err := syscall.Exec(cmd.Path, cmd.Args, cmd.Env)
	if errno, ok := err.(syscall.Errno); ok {
		return &ExecError{Path: cmd.Path, Errno: errno, NotFound: errno == syscall.ENOENT}
	}
	return err
}

// Rehearse finds nothing outside Linux: the exec has the word.
func Rehearse(Command) error { return nil }

// AdoptOrphans does nothing outside Linux.
func AdoptOrphans() (undo func()) { return func() {} }

// Children is not known outside Linux.
func Children() (bool, error) { return false, unsupported() }
