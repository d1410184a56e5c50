package notify

import (
	"errors"
	"net"
	"os"
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
	if err := Send(s.Address(), "READY=1\nSTATUS=up=1\nno assignment\nREADY=0"); err != nil {
		t.Fatal(err)
	}
	m, err := s.Receive()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if v := m.Values(); m.Sender != os.Getpid() || m.Cut || len(v) != 2 || v["READY"] != "0" || v["STATUS"] != "up=1" {
		t.Errorf("%+v: %v", m, v)
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
