package health

import (
	"context"
	"net/http/httptrace"
	"sync"
	"time"

	"pidbox/lib/duration"
)

// phase knows how far an attempt has come, to say of what there was none when its time is up.
type phase struct {
	mu    sync.Mutex
	began time.Time
	text  string
}

// watchPhase gives a context that tells the phase of the dials and requests made under it.
func watchPhase(ctx context.Context) (context.Context, *phase) {
	p := &phase{began: time.Now(), text: "no answer in"}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { p.is("no answer from the name server in") },
		ConnectStart:         func(string, string) { p.is("no connection in") },
		TLSHandshakeStart:    func() { p.is("no TLS handshake in") },
		GotConn:              func(httptrace.GotConnInfo) { p.is("no answer in") },
		GotFirstResponseByte: func() { p.is("answer not complete in") },
	}), p
}

func (p *phase) is(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = text
}

// reason is err in plain words.
func (p *phase) reason(err error) error {
	if err == nil || !isTimeout(err) {
		return plainNet(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return &plainError{p.text + " " + brief(time.Since(p.began)), err}
}

// brief rounds d for people.
func brief(d time.Duration) string {
	if d >= time.Second {
		return duration.Format(d.Round(100 * time.Millisecond))
	}
	return duration.Format(max(d.Round(time.Millisecond), time.Millisecond))
}
