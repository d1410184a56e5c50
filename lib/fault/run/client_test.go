package run

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pidbox/lib/fault/plan"
)

// An agent that is asked by the wrong scheme cannot be reached, and what is wrong is said.
func TestWrongScheme(t *testing.T) {
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain, secure := httptest.NewServer(answer), httptest.NewUnstartedServer(answer)
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	defer plain.Close()
	defer secure.Close()
	for _, one := range []struct{ agent, want string }{
		{strings.Replace(secure.URL, "https:", "http:", 1), "agent of m1: it speaks TLS; its address is https://HOST:PORT"},
		{strings.Replace(plain.URL, "http:", "https:", 1), "agent of m1: it does not speak TLS; its address is http://HOST:PORT"},
	} {
		_, err := newClient(plan.Member{Name: "m1", Agent: one.agent}, "", nil).status(context.Background())
		if gone := (*UnreachableError)(nil); !errors.As(err, &gone) || err.Error() != one.want {
			t.Errorf("%s: %v", one.agent, err)
		}
	}
}

// A renewal that is on its way when the leases are given back is not overtaken by that: it would take the member again.
func TestLeaveAfterRenewal(t *testing.T) {
	var mu sync.Mutex
	taken, renewed := 0, false
	underWay, left := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case "PUT":
			mu.Lock()
			taken++
			second := taken == 2
			mu.Unlock()
			if second {
				close(underWay)
				select {
				case <-left:
				case <-time.After(time.Second):
					mu.Lock()
					renewed = true
					mu.Unlock()
				}
			}
		case "DELETE":
			close(left)
		}
		io.WriteString(w, `{"state":"running"}`)
	}))
	defer server.Close()
	c, err := Connect(context.Background(), &plan.Plan{Members: plan.Members{{Name: "m1", Agent: server.URL}}}, Options{})
	if err == nil {
		err = c.Take(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	<-underWay
	c.Leave()
	mu.Lock()
	defer mu.Unlock()
	if !renewed {
		t.Error("the lease was given back while it was being renewed")
	}
}

// An agent that closes a connection without an answer is asked again, once.
func TestClosedConnection(t *testing.T) {
	for closed, well := range map[int]bool{0: true, 1: true, 2: false} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked <= closed {
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, `{"state":"running"}`)
		}))
		client := newClient(plan.Member{Name: "m1", Agent: server.URL}, "", nil)
		client.turn = func(context.Context) time.Duration { return 0 } // or it is asked once more on a busy machine
		_, err := client.status(context.Background())
		server.Close()
		if (err == nil) != well {
			t.Errorf("closed %d times: %v", closed, err)
		}
	}
}
