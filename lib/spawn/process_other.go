//go:build !linux

package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"pidbox/lib/proc"
)

// Process is a child of this process, held until Go or Abort. It must be closed.
//
// Outside Linux the child is held by a shell that waits for a line before it executes the command. It leads its
// session, descriptors leaked by our caller reach it, the name in Args[0] is lost, and a failed exec shows only as exit
// status 126 or 127.
type Process struct {
	pid    int
	handle *proc.Handle
	gate   *os.File
	child  *os.Process
}

// Start runs cmd as a direct child, held, in a session of its own if asked, else in this process's group.
func Start(cmd Command, session bool) (*Process, error) {
	if cmd.Nice != nil || cmd.OOMScoreAdj != nil || cmd.Limits != nil || cmd.NoNewPrivs || cmd.Capabilities != nil {
		return nil, fmt.Errorf("nice values, limits and capabilities: %w", errors.ErrUnsupported)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		write.Close()
		return nil, err
	}
	defer null.Close()
	files := []*os.File{cmd.Stdin, cmd.Stdout, cmd.Stderr}
	for place, f := range cmd.ExtraFiles {
		for len(files) <= place {
			files = append(files, nil)
		}
		files[place] = f
	}
	for i, f := range files {
		if f == nil && i < 3 {
			files[i] = null
		}
	}
	script := fmt.Sprintf(`read go <&%d || exit 1; exec %[1]d<&-; `, len(files))
	if cmd.Umask != nil {
		script += fmt.Sprintf("umask %o; ", *cmd.Umask)
	}
	attr := &os.ProcAttr{Dir: cmd.Dir, Env: cmd.Env, Files: append(files, read), Sys: &syscall.SysProcAttr{Setsid: session}}
	if u := cmd.User; u != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
		for _, g := range u.Groups {
			attr.Sys.Credential.Groups = append(attr.Sys.Credential.Groups, uint32(g))
		}
	}
	child, err := os.StartProcess("/bin/sh", slices.Concat([]string{"sh", "-c", script + `exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]), attr)
	if err != nil {
		write.Close()
		return nil, &StepError{"start the child", err}
	}
	p := &Process{pid: child.Pid, child: child, gate: write}
	if p.handle, err = proc.Open(p.pid); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Detach starts cmd, held, in a session of its own.
func Detach(cmd Command) (*Process, error) { return Start(cmd, true) }

// Release lets the child execute its command. It cannot hand over files.
func (p *Process) Release(files ...*os.File) error {
	if len(files) > 0 {
		return fmt.Errorf("hand over files: %w", errors.ErrUnsupported)
	}
	_, err := p.gate.Write([]byte("\n"))
	p.gate.Close()
	return err
}

// Executed cannot tell here whether the command was.
func (p *Process) Executed() error { return nil }

// Wait waits until the child has ended and collects its exit status, once. With ctx done it gives ctx's error, and the
// status is lost. Without that a zombie cannot be told from a live process here.
func (p *Process) Wait(ctx context.Context) (Ending, error) {
	type result struct {
		end Ending
		err error
	}
	got := make(chan result, 1)
	go func() { end, err := p.collect(); got <- result{end, err} }()
	select {
	case r := <-got:
		return r.end, r.err
	case <-ctx.Done():
		return Ending{}, context.Cause(ctx)
	}
}

// Abort ends a child that is still held, and has it gone when it returns.
func (p *Process) Abort() error {
	p.gate.Close()
	if err := p.handle.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrNotFound) {
		return err
	}
	_, err := p.collect()
	return err
}

// Close gives up the child: one still held ends, one let go runs on.
func (p *Process) Close() {
	p.gate.Close()
	if p.handle != nil {
		p.handle.Close()
	}
}

func (p *Process) collect() (Ending, error) {
	state, err := p.child.Wait()
	if err != nil {
		return Ending{}, fmt.Errorf("process %d: %w", p.pid, ErrReaped)
	}
	status := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return Ending{Signal: status.Signal(), Core: status.CoreDump()}, nil
	}
	return Ending{Code: status.ExitStatus()}, nil
}

// Exec replaces this process by cmd. It returns only on failure, and then this process may have lost privileges: report
// and exit.
func Exec(cmd Command) error {
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

// Childless is not known outside Linux.
func Childless() bool { return false }
