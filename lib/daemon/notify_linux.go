package daemon

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"time"

	"pidbox/lib/notify"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// NotifySocket is ready once the daemon says READY=1 by sd_notify(3). The socket is abstract, so that nothing is left
// of it, and its name a random one. Messages count only from processes of the daemon, told by the kernel's credentials:
// its session and all descendants. A sender that has ended before it could be looked up does not count;
// systemd-notify(1) and libsystemd's sd_notify_barrier wait for that.
//
// MAINPID, which must be a process of the daemon too, re-points the pidfile; EXTEND_TIMEOUT_USEC, STATUS and ERRNO are
// understood; all else is ignored.
func NotifySocket() Readiness { return &notified{} }

type notified struct{ socket *notify.Socket }

func (n *notified) open(cmd *spawn.Command) (err error) {
	if n.socket, err = notify.Listen(); err != nil {
		return err
	}
	cmd.Env = spawn.MergeEnv(cmd.Env, []string{"NOTIFY_SOCKET=" + n.socket.Address()})
	return nil
}

func (n *notified) await(ctx context.Context, s *start, post func(event)) {
	for {
		m, err := n.socket.Receive()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				post(failed(err))
			}
			return
		}
		switch {
		case !s.child.Owns(m.Sender):
			s.tell("process %d: not one of the daemon's, its message is ignored", m.Sender)
		case m.Cut: // the line that it was cut in would say what it does not
			s.tell("process %d: a message of more than %d bytes is ignored", m.Sender, len(m.Text))
		default:
			for _, e := range s.events(m.Values()) {
				post(e)
			}
		}
		m.Close()
		if ctx.Err() != nil {
			return
		}
	}
}

func (n *notified) forks() bool { return true }

func (n *notified) close() {
	if n.socket != nil {
		n.socket.Close()
	}
}

// events are what a message says, in the order in which it matters: the status before its meaning.
func (s *start) events(values map[string]string) (list []event) {
	if n, err := strconv.Atoi(values["ERRNO"]); err == nil && n > 0 {
		list = append(list, said(syscall.Errno(n).Error()))
	}
	if status := values["STATUS"]; status != "" {
		status = status[:min(len(status), 200)] // for a line of a message
		list = append(list, said(status))
	}
	const most = int64(24 * 365 * time.Hour / time.Microsecond)
	if n, err := strconv.ParseInt(values["EXTEND_TIMEOUT_USEC"], 10, 64); err == nil && n > 0 && n < most {
		list = append(list, extended(time.Duration(n)*time.Microsecond))
	}
	if pid, err := strconv.Atoi(values["MAINPID"]); err == nil {
		if h := s.mainProcess(pid); h != nil {
			list = append(list, named(h))
		}
	}
	if values["READY"] == "1" {
		list = append(list, ready(""))
	}
	return list
}

// mainProcess opens the process that MAINPID names, if it is the daemon's.
func (s *start) mainProcess(pid int) *proc.Handle {
	h, err := proc.Open(pid)
	if err == nil && s.child.Owns(pid) {
		if alive, _ := h.Alive(); alive {
			return h
		}
	}
	if err == nil {
		h.Close()
	}
	s.tell("MAINPID=%d is not a process of the daemon's, and ignored", pid)
	return nil
}
