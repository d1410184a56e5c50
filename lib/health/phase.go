package health

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pidbox/lib/duration"
)

// attempt knows how far an attempt has come, to say of what there was none when its time is up, and with whom it spoke.
type attempt struct {
	ctx     context.Context // ends with it
	began   time.Time
	mu      sync.Mutex
	text    string
	proxied bool     // it goes through a proxy
	places  []place  // of its connections
	first   net.Conn // of which it is known whom it is for
	knocked net.Conn // before the attempt
}

// place is where a connection was made to.
type place struct{ network, address string }

type attemptKey struct{}

const (
	noName       = "no answer from the name server in"
	noConnection = "no connection in"
	noHandshake  = "no TLS handshake in"
)

// begin gives a context that tells the phase of the dials made under it, and of the requests where it is phased.
func begin(ctx context.Context) (context.Context, *attempt) {
	a := attemptOf(ctx) // of who asks again and again, or looks for the owner of what answers
	if a == nil {
		a = &attempt{}
		ctx = context.WithValue(ctx, attemptKey{}, a)
	}
	a.began, a.text, a.ctx = time.Now(), "no answer in", ctx
	return ctx, a
}

// attemptOf is that of a context, nil outside of any; its methods do nothing then.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

func (a *attempt) is(text string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.text = text
}

// dials notes that a connection is made, unless there was one to that address already: a server of HTTP/2 that goes away
// (GOAWAY) before it answers is asked again by net/http, and what is missing still is the answer.
func (a *attempt) dials(address string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.ContainsFunc(a.places, func(p place) bool { return p.address == address }) {
		a.text = noConnection
	}
}

// met notes a connection, and gives it back.
func (a *attempt) met(conn net.Conn, network, address string) net.Conn {
	if a == nil || conn == nil {
		return conn
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := (place{network, address}); !slices.Contains(a.places, p) {
		a.places = append(a.places, p)
	}
	return conn
}

// answered is where those are whose answer an attempt got, of one that went through no proxy: a redirect has several.
func (a *attempt) answered() []place {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.proxied {
		return nil
	}
	return a.places
}

// keep has the connection be the next that is dialled: it was made before it was asked for.
func (a *attempt) keep(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.first = conn
}

func (a *attempt) kept() net.Conn {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	conn := a.first
	a.first = nil
	return conn
}

// letIn is the connection of a knock, if it is one to an address.
func (a *attempt) letIn(to netip.AddrPort) net.Conn {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	conn := a.knocked
	if conn == nil || conn.RemoteAddr().(*net.TCPAddr).AddrPort() != to {
		return nil
	}
	a.knocked = nil
	return conn
}

// drop closes the connections that were not needed.
func (a *attempt) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, conn := range []net.Conn{a.first, a.knocked} {
		if conn != nil {
			conn.Close()
		}
	}
	a.first, a.knocked = nil, nil
}

// reason is err in plain words.
func (a *attempt) reason(err error) error {
	if err == nil || !isTimeout(err) {
		return plainNet(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	text := a.text + " " + brief(time.Since(a.began))
	if a.proxied && (a.text == noConnection || a.text == noName) {
		return unasked("proxy: "+text, err)
	}
	return &plainError{text, err, a.text == noName}
}

// brief rounds d for people.
func brief(d time.Duration) string {
	if d >= time.Second {
		return duration.Format(d.Round(100 * time.Millisecond))
	}
	return duration.Format(max(d.Round(time.Millisecond), time.Millisecond))
}
