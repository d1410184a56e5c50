package spawn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
	"pidbox/lib/proc"
)

// Process is a child of this process, held until Go or Abort. It must be closed.
type Process struct {
	pid    int
	plan   *plan
	handle *proc.Handle
	over   atomic.Bool // nothing of the plan is read any more
	line   *os.File    // the child reports on it, a byte lets it exec, a close ends it; the exec closes the other end
}

// Start runs cmd as a direct child, held, in a session of its own if asked, else in this process's group. With the end of
// ctx it is given up, though it hangs on its way, in a directory that does not answer for example: it ends by itself then,
// and the error is the cause of that.
func Start(ctx context.Context, cmd Command, session bool) (*Process, error) {
	return start(ctx, cmd, session, false)
}

// Detach starts cmd by double fork, held: in a session of its own and not its leader, so that it can never get a
// controlling terminal, but the leader of its process group, so that it can be signalled with its children. While this
// process lives the child is its own to wait for, by being its subreaper for the moment of the fork; then init or the
// nearest other subreaper adopts it.
func Detach(ctx context.Context, cmd Command) (*Process, error) { return start(ctx, cmd, true, true) }

func start(ctx context.Context, cmd Command, session, detach bool) (*Process, error) {
	ends, err := openEnds(cmd)
	if err != nil {
		return nil, err
	}
	return startWith(ctx, cmd, ends, session, detach)
}

func startWith(ctx context.Context, cmd Command, ends *ends, session, detach bool) (_ *Process, err error) {
	defer ends.closeChild()
	p := &Process{line: ends.parent}
	defer func() {
		if err != nil && p.handle != nil {
			p.Abort()
		}
		if err != nil {
			p.Close()
		}
	}()
	if p.plan, err = compose(cmd, ends, session, detach); err != nil {
		return nil, err
	}
	first, errno := p.plan.launch(detach || cmd.Within != nil)
	if errno != 0 {
		return nil, &StepError{"fork", errno}
	}
	ends.closeChild()
	if err = p.held(ctx); err != nil {
		if !detach && cmd.Within == nil {
			p.pid = first
		}
		p.drop(ctx)
		return nil, err
	}
	if p.handle, err = proc.Open(p.pid); err != nil {
		_ = unix.Kill(p.pid, unix.SIGKILL) // our child, and not reaped
		_, _ = p.collect()
		return nil, err
	}
	return p, nil
}

// drop gives up a child that was not held. One that hangs is collected when it comes to an end.
func (p *Process) drop(ctx context.Context) {
	if p.pid == 0 {
		return
	}
	if ctx.Err() == nil {
		_, _ = p.collect()
		return
	}
	_ = unix.Kill(p.pid, unix.SIGKILL) // our child, and not reaped
	go func() { _, _ = p.collect() }()
}

// held waits for the report of the child that it is ready to exec.
func (p *Process) held(ctx context.Context) error {
	line := int(p.line.Fd())
	forget := context.AfterFunc(ctx, func() { _ = unix.Shutdown(line, unix.SHUT_RDWR) })
	word, err := p.read()
	if err == nil && p.plan.cmd.Within != nil && word.Errno == 0 { // two words, in any order
		var other fork.Message
		if other, err = p.read(); word.Step == fork.Passed {
			word, other = other, word
		}
		word.PID = other.PID
	}
	switch called := !forget(); {
	case called:
		p.pid = int(word.PID)
		return context.Cause(ctx)
	case errors.Is(err, io.EOF):
		return &StepError{"start the child", errors.New("it was killed")}
	case err != nil:
		return err
	}
	if p.pid = int(word.PID); word.Errno != 0 {
		return p.plan.failure(word)
	}
	return nil
}

func (p *Process) read() (fork.Message, error) {
	var word fork.Message
	_, err := io.ReadFull(p.line, unsafe.Slice((*byte)(unsafe.Pointer(&word)), unsafe.Sizeof(word)))
	if errors.Is(err, syscall.ECONNRESET) { // it died and left the word to go unread
		err = io.EOF
	}
	return word, err
}

// Release lets the child execute its command, and waits for nothing. The child inherits the files, at most eight and on
// numbers of the kernel's choice: for what could not be opened before it had a PID.
func (p *Process) Release(files ...*os.File) error {
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	err := unix.Sendmsg(int(p.line.Fd()), []byte{1}, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL)
	if err != nil && !errors.Is(err, syscall.EPIPE) { // EPIPE: it died, as the report will show
		return err
	}
	return nil
}

// Line is readable once Executed would not wait.
func (p *Process) Line() int { return int(p.line.Fd()) }

// Executed returns when a child that was released has executed its command, or why it could not: an *ExecError, or a
// *StepError if it was killed before. It waits for as long as somebody keeps the child stopped.
func (p *Process) Executed() error {
	word, err := p.read()
	switch {
	case err == nil:
		_, _ = p.collect()
		return p.plan.failure(word)
	case !errors.Is(err, io.EOF):
		return err
	}
	p.over.Store(true)
	if p.neverRan() {
		end, _ := p.collect()
		return &StepError{"run " + p.plan.cmd.Path, fmt.Errorf("killed by %v before it began", end)}
	}
	return nil
}

// neverRan tells a child that closed its line by dying from one that did by its exec. Its files are closed before it is a
// zombie. Without a /proc to tell by, one that runs has executed its command, and so, as far as known, has one that ended.
func (p *Process) neverRan() bool {
	executed, err := p.handle.Executed()
	return err == nil && !executed
}

// Wait waits until the child has ended and collects its exit status, once. With ctx done it gives ctx's error.
func (p *Process) Wait(ctx context.Context) (Ending, error) {
	if err := p.handle.Wait(ctx); err != nil {
		return Ending{}, err
	}
	return p.collect()
}

// Abort ends a child that is still held, and has it gone when it returns.
func (p *Process) Abort() error {
	p.hangUp()
	if err := p.handle.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrNotFound) {
		return err
	}
	_, err := p.collect()
	return err
}

// Close gives up the child: one still held ends, one let go runs on.
func (p *Process) Close() {
	p.leave()
	if p.handle != nil {
		p.handle.Close()
	}
}

func (p *Process) collect() (Ending, error) {
	status, err := reap(p.pid)
	p.over.Store(true)
	switch {
	case err != nil:
		return Ending{}, fmt.Errorf("process %d: %w", p.pid, ErrReaped)
	case status.Signaled():
		return Ending{Signal: status.Signal(), Core: status.CoreDump()}, nil
	}
	return Ending{Code: status.ExitStatus()}, nil
}
