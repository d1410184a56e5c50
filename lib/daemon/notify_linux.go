package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// NotifySocket is ready once the daemon says READY=1 by sd_notify(3). The socket is abstract, so that nothing is left of
// it, and its name a random one. Messages count only from processes of the daemon, told by the kernel's credentials:
// its session and all descendants. A sender that has ended before it could be looked up does not count; systemd-notify(1)
// and libsystemd's sd_notify_barrier wait for that.
//
// MAINPID, which must be a process of the daemon too, re-points the pidfile; EXTEND_TIMEOUT_USEC, STATUS and ERRNO are
// understood; all else is ignored.
func NotifySocket() Readiness { return &notify{} }

type notify struct{ conn *net.UnixConn }

func (n *notify) open(cmd *spawn.Command) error {
	name := "@pidbox/" + rand.Text()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	n.conn = conn
	cmd.Env = spawn.MergeEnv(cmd.Env, []string{"NOTIFY_SOCKET=" + name})
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	}), err)
}

func (n *notify) await(ctx context.Context, s *start, post func(event)) {
	text, oob := make([]byte, 1<<16), make([]byte, 1<<12)
	for {
		size, oobSize, flags, _, err := n.conn.ReadMsgUnix(text, oob)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				post(failed(fmt.Errorf("read the notify socket: %w", err)))
			}
			return
		}
		sender, files := ancillary(oob[:oobSize])
		switch {
		case !s.child.Owns(sender):
			s.tell("process %d: not one of the daemon's, its message is ignored", sender)
		case flags&unix.MSG_TRUNC != 0: // the line that it was cut in would say what it does not
			s.tell("process %d: a message of more than %d bytes is ignored", sender, len(text))
		default:
			for _, e := range s.events(string(text[:size])) {
				post(e)
			}
		}
		for _, fd := range files { // a barrier, which ends when they are closed
			unix.Close(fd)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (n *notify) forks() bool { return true }

func (n *notify) close() {
	if n.conn != nil {
		n.conn.Close()
	}
}

// ancillary is who sent a message, in this PID namespace (0: from outside), and the descriptors that came with it.
func ancillary(oob []byte) (sender int, files []int) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, nil
	}
	for _, m := range messages {
		if cred, err := unix.ParseUnixCredentials(&m); err == nil {
			sender = int(cred.Pid)
		}
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			files = append(files, fds...)
		}
	}
	return sender, files
}

// events are what a message says, in the order in which it matters: the status before its meaning.
func (s *start) events(text string) (list []event) {
	values := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			values[key] = value
		}
	}
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
