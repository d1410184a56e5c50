package notify

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/proc"
)

// Message is what one process has told. It is to be closed.
type Message struct {
	PID     int          // of the sender, by the kernel's word; 0 for a process outside of this PID namespace
	UID     int          // of the sender, as it was then
	Process *proc.Handle // the sender; nil if that has ended and there is nothing to know it by
	Text    string       // lines of KEY=VALUE
	Cut     bool         // it was longer than what is taken, and its last line is not what was sent

	files []*os.File
}

// State is what a message says, as sd_notify(3) has it. What is not well-formed is not said.
type State struct {
	Ready    bool
	Stopping bool
	Status   string        // what it does, for people
	Errno    syscall.Errno // why it fails
	MainPID  int
	Extend   time.Duration // how long it needs from now on, at least
	Ping     bool          // WATCHDOG=1: it is well
	Hung     bool          // WATCHDOG=trigger: it is not
	Watchdog time.Duration // how often it pings from now on
	Barrier  bool          // the sender waits until the message is closed
}

// statusLimit is for a line of a message.
const statusLimit = 200

// State reads the message; the last assignment of a key counts.
func (m *Message) State() State {
	values := map[string]string{}
	for line := range strings.SplitSeq(m.Text, "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			values[key] = value
		}
	}
	status := values["STATUS"]
	s := State{
		Ready: values["READY"] == "1", Stopping: values["STOPPING"] == "1",
		Status: strings.ToValidUTF8(status[:min(len(status), statusLimit)], ""),
		Extend: microseconds(values["EXTEND_TIMEOUT_USEC"]), Watchdog: microseconds(values["WATCHDOG_USEC"]),
		Ping: values["WATCHDOG"] == "1", Hung: values["WATCHDOG"] == "trigger",
		Barrier: values["BARRIER"] == "1" && len(m.files) > 0,
	}
	if n, err := strconv.Atoi(values["ERRNO"]); err == nil && n > 0 {
		s.Errno = syscall.Errno(n)
	}
	if n, err := strconv.Atoi(values["MAINPID"]); err == nil && n > 0 {
		s.MainPID = n
	}
	return s
}

// microseconds is 0 for what is no time, or more than a year.
func microseconds(text string) time.Duration {
	const most = int64(365 * 24 * time.Hour / time.Microsecond)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > most {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

// Gone says that the sender has ended and was reaped, so that no more can be found out about it.
func (m *Message) Gone() bool {
	if m.Process == nil {
		return m.PID > 0
	}
	return errors.Is(m.Process.Signal(0), proc.ErrNotFound)
}

// Close lets go of the sender, and closes the descriptors that came with the message: the sender of a BARRIER=1 waits
// for that (sd_notify_barrier(3)).
func (m *Message) Close() {
	for _, f := range m.files {
		f.Close()
	}
	m.files = nil
	if m.Process != nil {
		m.Process.Close()
	}
}
