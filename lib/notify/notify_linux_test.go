package notify

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSendAndReceive(t *testing.T) {
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text := "READY=0\nSTATUS=up=1\nno assignment\nREADY=1\nERRNO=-1\nMAINPID=junk\nEXTEND_TIMEOUT_USEC=99999999999999999\nBARRIER=1"
	if err := Send(s.Address(), text); err != nil {
		t.Fatal(err)
	}
	m, err := s.Receive()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.PID != os.Getpid() || m.UID != os.Getuid() || m.Cut || m.Gone() || m.State() != (State{Ready: true, Status: "up=1"}) {
		t.Errorf("%+v: %+v", m, m.State())
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := Send(s.Address(), strings.Repeat("x", messageLimit+1)); err != nil {
		t.Fatal(err)
	}
	m, err := s.Receive()
	if err != nil || !m.Cut || len(m.Text) != messageLimit {
		t.Errorf("%v, cut %v, %d bytes", err, m.Cut, len(m.Text))
	}
}

func TestState(t *testing.T) {
	for text, want := range map[string]State{
		"":                                       {},
		"READY=1\nREADY=0":                       {},
		"READY=11\nready=1\n READY=1\nWATCHDOG=": {},
		"ERRNO=13\nSTATUS=a\xffb\nMAINPID=7":     {Errno: 13, Status: "ab", MainPID: 7},
		"MAINPID=0\nERRNO=0":                     {},
		"EXTEND_TIMEOUT_USEC=5000000\nWATCHDOG=1": {Extend: 5 * time.Second, Ping: true},
		"WATCHDOG=trigger\nWATCHDOG_USEC=1000":    {Hung: true, Watchdog: time.Millisecond},
		"EXTEND_TIMEOUT_USEC=-1\nSTOPPING=1":      {Stopping: true},
		"STATUS=" + strings.Repeat("x", 9999):     {Status: strings.Repeat("x", 200)},
	} {
		if got := (&Message{Text: text}).State(); got != want {
			t.Errorf("%.40q: %+v", text, got)
		}
	}
}

// From Linux 6.5 on a sender that ended is known by its pidfd, and is nobody who has its number since.
func TestEndedSender(t *testing.T) {
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cmd := exec.Command("/proc/self/exe", "-test.run=TestSendsOnly")
	cmd.Env = append(os.Environ(), "PIDBOX_NOTIFY_TEST="+s.Address())
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	m, err := s.Receive()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.PID != cmd.Process.Pid || m.UID != os.Getuid() || !m.Gone() || !m.State().Ready {
		t.Errorf("%+v", m)
	}
}

// TestSendsOnly is its sender.
func TestSendsOnly(t *testing.T) {
	if to := os.Getenv("PIDBOX_NOTIFY_TEST"); to != "" {
		if err := Send(to, "READY=1"); err != nil {
			t.Error(err)
		}
	}
}

// Deliver returns when it was read, and not before; nor does it wait for one who has gone.
func TestDeliver(t *testing.T) {
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	delivered := make(chan error, 1)
	go func() { delivered <- Deliver(s.Address(), "READY=1") }()
	m, err := s.Receive()
	if err != nil || !m.State().Ready {
		t.Fatal(m, err)
	}
	m.Close()
	if m, err = s.Receive(); err != nil || !m.State().Barrier {
		t.Fatal(m, err)
	}
	select {
	case err := <-delivered:
		t.Fatal("it has not waited: ", err)
	case <-time.After(20 * time.Millisecond):
	}
	if m.Close(); <-delivered != nil {
		t.Error("it failed")
	}
	go func() { delivered <- Deliver(s.Address(), "READY=1") }()
	if m, err = s.Receive(); err != nil {
		t.Fatal(err)
	}
	m.Close()
	s.Close()
	if err := <-delivered; err != nil {
		t.Error(err)
	}
}

// The sender of a barrier waits until its descriptor is closed here.
func TestCloseServesTheBarrier(t *testing.T) {
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(c)
	to := &unix.SockaddrUnix{Name: s.Address()}
	if err := unix.Sendmsg(c, []byte("BARRIER=1"), unix.UnixRights(int(w.Fd())), to, 0); err != nil {
		t.Fatal(err)
	}
	w.Close()
	m, err := s.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if !m.State().Barrier {
		t.Error("no barrier")
	}
	fds := []unix.PollFd{{Fd: int32(r.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 0); err != nil || n != 0 {
		t.Errorf("before: %d, %v", n, err)
	}
	m.Close()
	if n, err := unix.Poll(fds, -1); err != nil || n != 1 {
		t.Errorf("after: %d, %v", n, err)
	}
}

func TestReceiveEndsWithTheSocket(t *testing.T) {
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := s.Receive(); ended <- err }()
	s.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it still waits")
	}
}

func TestSendNamesTheSocket(t *testing.T) {
	if err := Send("/nonexistent/notify", "READY=1"); err == nil || err.Error() != "notify socket /nonexistent/notify: no such file or directory" {
		t.Error(err)
	}
}

func TestSendToBothKindsOfNames(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@pidbox-notify-" + filepath.Base(t.TempDir())} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		if err := Send(name, "READY=1"); err != nil {
			t.Error(err)
		}
		buf := make([]byte, 64)
		if n, err := l.Read(buf); err != nil || string(buf[:n]) != "READY=1" {
			t.Errorf("%q, %v", buf[:n], err)
		}
		l.Close()
	}
}

func TestSendGivesUpOnAFullQueue(t *testing.T) {
	if err := Send(full(t), "READY=1"); err == nil || !strings.HasSuffix(err.Error(), ": not taken within 2s") {
		t.Error(err)
	}
}

// full is a socket whose owner reads nothing, and whose queue is full.
func full(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "full")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	err = errors.Join(syscall.SetNonblock(fd, true), syscall.Connect(fd, &syscall.SockaddrUnix{Name: name}))
	for err == nil {
		_, err = syscall.Write(fd, []byte("x"))
	}
	if err != syscall.EAGAIN {
		t.Fatal(err)
	}
	return name
}

// Of a sender that nothing is known of but its PID no more can be found out; one outside of this PID namespace has none.
func TestGoneWithoutAHandle(t *testing.T) {
	if m := (&Message{PID: 5}); !m.Gone() {
		t.Error("it is there")
	}
	if m := (&Message{}); m.Gone() {
		t.Error("it is gone")
	}
}
