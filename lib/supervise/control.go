package supervise

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/jsonline"
	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// The control of a supervisor is a UNIX socket beside its pidfile, in a directory that by the pidfile's rules nobody
// else can write: an abstract name could be taken by any user first, and would not be reached from another network
// namespace; a signal could carry neither an answer nor its failure. Both sides ask the kernel who the other is: only
// root and the supervisor's own user are served, and only the process that the pidfile names is believed.
//
// One line is a request, "status" or "restart"; one line of JSON answers.

// ErrNoControl says that a supervisor has no socket, because its directory cannot be written.
var ErrNoControl = errors.New("the supervisor takes no requests")

// errSilent is a connection that was closed without a word.
var errSilent = errors.New("the supervisor has exited, or serves another user only")

// patience bounds how long either side waits for a peer that says nothing: on a busy machine it may just not get to run.
const patience = 20 * time.Second

// settling bounds how long the answer waits for a start that is under way.
const settling = 5 * time.Second

// longestReply is more than a supervisor says, in bytes.
const longestReply = 64 << 10

// ControlPath is where the socket of the supervisor with that pidfile is.
func ControlPath(pidfile string) string { return pidfile + ".control" }

// Listen serves requests until the returned function is called, which also removes the socket, and returns once those
// that were taken are answered. It is for the holder of the pidfile only: what an earlier one left in place of the socket
// is replaced.
func (s *Supervisor) Listen(pidfile string, policy resolve.Policy) (stop func(), err error) {
	p, err := resolve.Walk(ControlPath(pidfile), policy)
	if err != nil {
		return nil, err
	}
	if err := p.Discard(); err != nil {
		p.Close()
		return nil, err
	}
	l, err := p.Listen(0o600)
	if err != nil {
		p.Close()
		return nil, noControl(err)
	}
	ctx, end := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.AcceptUnix()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				select {
				case <-ctx.Done():
				case <-time.After(time.Second): // out of descriptors
				}
				continue
			}
			served.Go(func() { s.serve(ctx, c) })
		}
	})
	return func() { end(); _ = l.Close(); served.Wait() }, nil
}

// serve answers one request. The end of ctx ends the wait for one that has not come.
func (s *Supervisor) serve(ctx context.Context, c *net.UnixConn) {
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	defer context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Now()) })()
	if uid, err := peerUser(c); err == nil && uid != 0 && uid != os.Geteuid() {
		return
	}
	line, err := bufio.NewReaderSize(c, 64).ReadSlice('\n')
	if err != nil {
		return
	}
	failed := ""
	switch string(line) {
	case "status\n":
	case "restart\n":
		if err := s.Ask(Request{Kind: Restart}); err != nil {
			failed = err.Error()
		}
	default:
		failed = "no such request"
	}
	st := s.settled(settling)
	st.PID = os.Getpid()
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintln(c, new(jsonline.Object).Field("status", st.Fields(new(jsonline.Object))).Some("error", failed)) // whoever has gone away needs no answer
}

// AskStatus asks the supervisor pid with that pidfile for its status.
func AskStatus(pidfile string, pid int) (Status, error) { return ask(pidfile, pid, "status", patience) }

// AskRestart has the supervisor restart its child in good order, and returns when the new one runs.
func AskRestart(pidfile string, pid int, limit time.Duration) (Status, error) {
	return ask(pidfile, pid, "restart", limit)
}

func ask(pidfile string, pid int, what string, limit time.Duration) (Status, error) {
	path := ControlPath(pidfile)
	if suspended(pid) {
		return Status{}, errors.New("no answer: it is suspended (state T)")
	}
	limited, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	p, err := resolve.Walk(path, resolve.Policy{Insecure: true}) // whoever answers is asked who he is
	if err != nil {
		return Status{}, noControl(err)
	}
	defer p.Close()
	c, err := dial(limited, p)
	if err != nil {
		return Status{}, noControl(err)
	}
	defer c.Close()
	if peer, err := peerPID(c); err == nil && peer != pid {
		return Status{}, fmt.Errorf("%s: answered by process %d, which is not process %d: %w", path, peer, pid, ErrNoControl)
	}
	_ = c.SetDeadline(time.Now().Add(limit))
	_, err = c.Write([]byte(what + "\n"))
	var line []byte
	if err == nil {
		line, err = bufio.NewReaderSize(c, longestReply).ReadSlice('\n')
	}
	var said map[string]any
	if err == nil {
		said, err = jsonline.Parse(string(line))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Status{}, fmt.Errorf("no answer in %v", limit)
	}
	for _, closed := range []error{io.EOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, closed) {
			err = errSilent
		}
	}
	if err != nil {
		return Status{}, fmt.Errorf("%s: no answer: %w", path, err)
	}
	failed, _ := said["error"].(string)
	status, ok := said["status"].(map[string]any)
	if failed != "" || !ok {
		return Status{}, errors.New(strings.TrimSpace("not done: " + failed))
	}
	return statusOf(status), nil
}

// suspended says that the process answers nobody before it gets a CONT.
func suspended(pid int) bool {
	h, err := proc.Open(pid)
	if err != nil {
		return false
	}
	defer h.Close()
	state, err := h.State()
	return err == nil && state == 'T'
}

// dial connects. A supervisor that has just begun is on record before it listens, and what an earlier one left is there
// meanwhile: it gets a few turns to come to that.
func dial(ctx context.Context, p *resolve.Place) (c *net.UnixConn, err error) {
	const turns, pause = 50, 10 * time.Millisecond
	for range turns {
		if c, err = p.Dial(ctx); !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		time.Sleep(pause)
	}
	return c, err
}

// noControl is ErrNoControl where there is no socket, no process that listens, or no room for one.
func noControl(err error) error {
	for _, no := range []error{syscall.ENOENT, syscall.ECONNREFUSED, syscall.ENAMETOOLONG} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", ErrNoControl, err)
		}
	}
	return err
}
