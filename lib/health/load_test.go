//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// The HTTP loop is retryablehttp's: these go through it, with a server that is ready on the third answer.
func TestUntilOverHTTP(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != "ping" {
			w.WriteHeader(400)
		} else if asked.Add(1) < 3 {
			w.WriteHeader(503)
		}
	}))
	defer s.Close()
	c := mustParse(t, s.URL, Options{Body: "ping"})
	r, err := Until(context.Background(), []Check{c}, Pace{Interval: time.Millisecond, Successes: 2}, nil)
	if err != nil || r.Attempts != 4 || !r.Targets[0].Settled {
		t.Errorf("error %v, result %+v", err, r)
	}
}

// An attempt that is given up leaves no connection and no goroutine behind, whatever stage it had reached.
func TestNothingIsLeftBehind(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() // connections wait in its backlog
	web := raw(t, "tcp", "127.0.0.1:0", func(c net.Conn) { c.Read(make([]byte, 1)) }).String()
	slow := raw(t, "tcp", "127.0.0.1:0", drip("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow", 0)).String()
	mute := nameServer(t, func([]byte) []byte { return nil })
	lost := mustParse(t, "http://db.example./", Options{}).(*httpCheck)
	lost.transport.DialContext = mute
	checks := []Check{
		mustParse(t, "http://"+silent.Addr().String(), Options{}), mustParse(t, "https://"+silent.Addr().String(), Options{}),
		mustParse(t, "http://"+web, Options{}), mustParse(t, "http://"+slow, Options{}), lost,
		&connCheck{scheme: "tcp", network: "tcp", address: "db.example.:80", dial: mute}, sh(t, "sleep 1000"),
	}
	files, routines := descriptors(t), runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := Until(ctx, checks, Pace{TryTimeout: 20 * time.Millisecond, Interval: time.Millisecond}, nil); err == nil {
		t.Error("somebody is healthy")
	}
	end := time.Now().Add(long)
	for descriptors(t) > files || runtime.NumGoroutine() > routines+4 { // of the servers
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d descriptors, before %d; %d goroutines, before %d\n%s", descriptors(t), files,
				runtime.NumGoroutine(), routines, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A thousand targets are asked, and never more than atOnce at the same time.
func TestThousandTargets(t *testing.T) {
	var now, most atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
	}))
	defer s.Close()
	urls := make([]string, 1000)
	for i := range urls {
		urls[i] = s.URL
	}
	checks, err := ParseAll(urls, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	r, err := Until(ctx, checks, Pace{}, nil)
	if err != nil || r.Attempts < 1000 || most.Load() > atOnce {
		t.Errorf("error %v, %d attempts, %d at a time", err, r.Attempts, most.Load())
	}
}
