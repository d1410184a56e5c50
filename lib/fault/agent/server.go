package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"pidbox/lib/fault"
	"pidbox/lib/pidfile"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// bodyLimit bounds what a request may carry.
const bodyLimit = 64 << 10

// Server is the HTTP interface of the agent. With a token, requests must carry it as "Authorization: Bearer"; with neither a
// token nor certificates, they must come from the agent's user or root.
func (a *Agent) Server(token string) *http.Server {
	// takes is an order with those fields, and no others.
	takes := func(do func(fault.Order) error, fields ...string) http.HandlerFunc {
		return a.ordered(func(r *http.Request) error {
			var o fault.Order
			if err := decode(r, &o, true); err != nil {
				return err
			}
			if err := only(o, fields); err != nil {
				return err
			}
			return do(o)
		})
	}
	plain := func(do func() error) http.HandlerFunc { return takes(func(fault.Order) error { return do() }) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, a.Status()) })
	mux.HandleFunc("GET /v1/log", a.sendLog)
	mux.HandleFunc("POST /v1/start", takes(a.Start, "variant"))
	mux.HandleFunc("POST /v1/restart", takes(a.Restart, "variant"))
	mux.HandleFunc("POST /v1/resume", plain(a.Resume))
	mux.HandleFunc("POST /v1/heal", plain(a.Heal))
	mux.HandleFunc("POST /v1/stop", takes(a.Stop, "hold", "variant"))
	mux.HandleFunc("POST /v1/kill", takes(a.Kill, "hold", "variant"))
	mux.HandleFunc("POST /v1/pause", takes(a.Pause, "hold"))
	mux.HandleFunc("POST /v1/wipe", takes(a.Wipe, "hold", "variant"))
	mux.HandleFunc("POST /v1/power", takes(a.Power, "hold", "variant", "tear", "seed"))
	mux.HandleFunc("POST /v1/corrupt", takes(a.Corrupt, "hold", "variant", "paths", "flip", "cut", "seed"))
	mux.HandleFunc("POST /v1/archive", takes(a.Archive, "stacks"))
	mux.HandleFunc("PUT /v1/faults/{id}", a.ordered(func(r *http.Request) error {
		var s fault.Spec
		if err := decode(r, &s, false); err != nil {
			return err
		}
		return a.Put(r.PathValue("id"), s)
	}))
	mux.HandleFunc("DELETE /v1/faults/{id}", a.ordered(func(r *http.Request) error { return a.Remove(r.PathValue("id")) }))
	mux.HandleFunc("PUT /v1/lease", a.telling(func(r *http.Request) error {
		var l fault.Lease
		if err := decode(r, &l, false); err != nil {
			return err
		}
		return a.Lease(l)
	}))
	mux.HandleFunc("DELETE /v1/lease", a.telling(func(r *http.Request) error { return a.Release(r.Header.Get(fault.LeaseHeader)) }))
	return &http.Server{
		Handler:           a.guarding(token, mux),
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return meet(ctx, c, token != "" || a.Certified) },
		ReadHeaderTimeout: 20 * time.Second, // for longer than a tester keeps a connection in reserve
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(complaints(a.Log), slog.LevelInfo),
	}
}

// only refuses an order with fields that it does not heed.
func only(o fault.Order, fields []string) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	var have map[string]any
	if err := json.Unmarshal(text, &have); err != nil {
		return err
	}
	for _, field := range slices.Sorted(maps.Keys(have)) {
		if !slices.Contains(fields, field) {
			return refuse(400, "this order takes no %s", field)
		}
	}
	return nil
}

// guarding is what every request must pass: it comes from no browser, knows the token, and a panic while it is served
// heals the member.
func (a *Agent) guarding(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				a.Log("panic: %v", p)
				a.Abandon()
				fail(w, fmt.Errorf("panic: %v", p))
			}
		}()
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			fail(w, refuse(403, "not for browsers: any web page could make them send it"))
			return
		}
		if denied := askerOf(r.Context()).denied; denied != "" {
			a.Log("refused %s: %s", r.RemoteAddr, denied)
			fail(w, refuse(403, "%s", denied))
			return
		}
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if token != "" && subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, refuse(401, "the token is missing or wrong"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		next.ServeHTTP(&plainErrors{ResponseWriter: w}, r)
	})
}

// ordered is a request that changes the member, so only the holder of the lease may make it.
func (a *Agent) ordered(do func(*http.Request) error) http.HandlerFunc {
	return a.telling(func(r *http.Request) error {
		var body bytes.Buffer
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &body), r.Body}
		err := a.allows(r.Header.Get(fault.LeaseHeader))
		if err == nil {
			err = do(r)
		}
		a.record(r, body.String(), err)
		return err
	})
}

// record puts an order on the log, with who gave it and what came of it.
func (a *Agent) record(r *http.Request, body string, err error) {
	const most = 300
	what := strings.TrimPrefix(r.URL.Path, "/v1/")
	if r.Method == http.MethodDelete {
		what = "heal " + what
	}
	if body = strings.Join(strings.Fields(body), " "); len(body) > most {
		body = body[:most] + "..."
	}
	outcome := "done"
	if err != nil {
		outcome = err.Error()
	}
	a.mu.Lock()
	from := a.lease.owner()
	a.mu.Unlock()
	if from != "" {
		from = ", under the lease of " + from
	}
	a.Log("order %s from %s%s: %s", strings.TrimSpace(what+" "+printable(body)), askerOf(r.Context()).name, printable(from), outcome)
}

// printable replaces what would break a line of the log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// telling answers with the status after the order, or with the error.
func (a *Agent) telling(do func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(r); err != nil {
			fail(w, err)
			return
		}
		answer(w, 200, a.Status())
	}
}

func decode(r *http.Request, v any, mayBeEmpty bool) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) && mayBeEmpty {
		return nil
	}
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return refuse(413, "a body of more than %d bytes", large.Limit)
	}
	if err != nil {
		return refuse(400, "body: %w", err)
	}
	return nil
}

func fail(w http.ResponseWriter, err error) {
	status := 500
	var refused refusal
	var exec *spawn.ExecError
	var doubt *pidfile.DoubtError
	switch {
	case errors.As(err, &refused):
		status = refused.status
	case errors.As(err, &exec), errors.As(err, &doubt), errors.Is(err, stop.ErrSurvived):
		status = 409
	}
	answer(w, status, fault.Problem{Error: err.Error()})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the asker may be gone
}

// plainErrors makes JSON of the mux's own answers, 404 and 405.
type plainErrors struct {
	http.ResponseWriter
	swallow bool
}

func (p *plainErrors) WriteHeader(status int) {
	if (status == 404 || status == 405) && !strings.HasPrefix(p.Header().Get("Content-Type"), "application/json") {
		p.Header().Del("Content-Length")
		p.swallow = true
		answer(p.ResponseWriter, status, fault.Problem{Error: strings.ToLower(http.StatusText(status))})
		return
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *plainErrors) Write(b []byte) (int, error) {
	if p.swallow {
		return len(b), nil
	}
	return p.ResponseWriter.Write(b)
}
