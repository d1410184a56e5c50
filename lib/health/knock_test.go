//go:build linux

package health

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Knocks are no attempts, and the one that is let in is the attempt's connection: the server sees one.
func TestKnock(t *testing.T) {
	t.Parallel()
	address, listen := reserved(t)
	var connections, requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	check, err := Parse("http://"+address+"/", Options{})
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan struct{}, 1)
	come := func() {
		<-refused
		time.Sleep(50 * time.Millisecond) // some knocks
		server.Listener.Close()
		server.Listener = listen()
		server.Start()
	}
	ended := make(chan struct{})
	go func() { come(); close(ended) }()
	r, err := Until(context.Background(), []Check{check}, Pace{Interval: 100 * time.Millisecond}, func(a Attempt) {
		if a.Number == 1 {
			refused <- struct{}{}
		}
	})
	<-ended
	defer server.Close()
	if err != nil || r.Attempts > 1000 {
		t.Errorf("%v after %d attempts", err, r.Attempts)
	}
	if c, q := connections.Load(), requests.Load(); c != 1 || q != 1 {
		t.Errorf("%d connections, %d requests", c, q)
	}
}

// reserved is an address that refuses connections until it listens, and that nobody else can have meanwhile.
func reserved(t *testing.T) (address string, listen func() net.Listener) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	t.Cleanup(func() { f.Close() })
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*unix.SockaddrInet4).Port), func() net.Listener {
		err := unix.Listen(fd, 16)
		l, e := net.FileListener(f)
		if err != nil || e != nil {
			t.Error(err, e)
		}
		return l
	}
}

// Only what this machine refused is knocked at.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:1", "localhost:1", "http://[::1]:1/", "grpc://127.0.0.1:1"} {
		check, err := Parse(address, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := check.Check(t.Context()); refusal(err) == nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if refusal(plainNet(syscall.ECONNREFUSED)) != nil {
		t.Error("a refusal of nobody")
	}
}
