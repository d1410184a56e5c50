package ready

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"

	"pidbox/lib/notify"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

func (c *Course) listen(cmd *spawn.Command) (err error) {
	if c.socket, err = notify.Listen(); err != nil {
		return err
	}
	env := slices.DeleteFunc(slices.Clone(cmd.Env), notify.ForWatchdog) // those are its caller's
	own := []string{"NOTIFY_SOCKET=" + c.socket.Address()}
	if c.want.Watchdog > 0 {
		own = append(own, "WATCHDOG_USEC="+strconv.FormatInt(c.want.Watchdog.Microseconds(), 10))
	}
	cmd.Env = spawn.MergeEnv(env, own)
	return nil
}

// hear hands on what is told.
func (c *Course) hear() {
	for heard := false; ; {
		if heard && !c.socket.Pending() {
			c.hand(signal{heard: true})
			heard = false
		}
		m, err := c.socket.Receive()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.socket.Resume()
			heard = true
			continue
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			c.hand(signal{err: err})
			return
		}
		select {
		case c.said <- m:
		case <-c.closed:
			m.Close()
			return
		}
	}
}

func (c *Course) hand(s signal) {
	select {
	case c.shows <- s:
	case <-c.closed:
	}
}

// doubt is why a message is not believed, "" if it is. A message counts from the process, its session and all that
// descends from it. Of a sender that has been reaped since nobody knows the ancestors: it counts if it began after the
// process, and ran as the same user or as root, each of whom could have the process itself say what he likes.
func (w *watch) doubt(m *notify.Message) string {
	ours, err := false, proc.ErrNotFound
	if m.Process != nil {
		ours, err = w.of.Owns(m.Process)
	}
	switch {
	case m.Cut && (ours || err != nil): // the line that it was cut in would say what it does not
		return fmt.Sprintf("process %d: ignored a message of more than %d bytes", m.PID, len(m.Text))
	case ours:
		return ""
	case errors.Is(err, proc.ErrNotFound) && m.PID > 0 && m.Gone() && w.could(m):
		return ""
	}
	return fmt.Sprintf("process %d: ignored its message, because it does not belong to the daemon", m.PID)
}

// could says that the sender of a message, who has ended, may have been one of the process's.
func (w *watch) could(m *notify.Message) bool {
	if m.UID != 0 && m.UID != w.owner {
		return false
	}
	if m.Process == nil {
		return true
	}
	sender, _ := m.Process.Identity() // of which the inode is known though it was reaped
	first := w.of.Identity()
	return sender.Inode == 0 || first.Inode == 0 || sender.Inode >= first.Inode
}

// name opens the process that MAINPID names, if it is one of the process's.
func (w *watch) name(pid int) {
	h, err := proc.Open(pid)
	if err == nil {
		alive, _ := h.Alive()
		if ours, err := w.of.Owns(h); alive && ours && err == nil {
			w.post(Event{Kind: Named, Main: h})
			return
		}
		h.Close()
	}
	w.post(Event{Kind: Ignored, Text: fmt.Sprintf("ignored MAINPID=%d, which does not belong to the daemon", pid)})
}
