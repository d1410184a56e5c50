//go:build linux

package health

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Knocks are no attempts, and the one that is let in is the attempt's connection: the server sees one.
func TestKnock(t *testing.T) {
	t.Parallel()
	hold, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := hold.Addr().String()
	hold.Close()
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
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		server.Listener.Close()
		server.Listener = l
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
