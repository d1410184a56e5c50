//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Files of names are read at each lookup: a change is seen by the next attempt.
func TestHostsAreReadEachTime(t *testing.T) {
	r := resolver{hosts: filepath.Join(t.TempDir(), "hosts"), ask: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "udp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}}
	look := func(name string) string {
		all, err := r.lookup(t.Context(), name)
		if err != nil {
			return plainNet(err).Error()
		}
		var words []string
		for _, ip := range all {
			words = append(words, ip.String())
		}
		return strings.Join(words, " ")
	}
	wantAnswer(t, look("db"), "name server .*:53: connection refused")
	wantAnswer(t, look("localhost"), "127.0.0.1 ::1")
	wantAnswer(t, look("web.localhost"), "127.0.0.1 ::1")
	for text, wants := range map[string]map[string]string{
		"10.7.0.1 db Other # not this\n#10.7.0.2 db\n10.7.0.3 db.\nbad db\n": {"db": "10.7.0.1 10.7.0.3", "DB.": "10.7.0.1 10.7.0.3", "other": "10.7.0.1"},
		"10.7.0.9 db":                 {"db": "10.7.0.9"},
		"127.0.0.1 localhost":         {"localhost": "127.0.0.1 ::1"},
		"10.7.0.5 keycloak.localhost": {"keycloak.localhost": "10.7.0.5", "127.1.2.3": "127.1.2.3", "::1": "::1"},
	} {
		os.WriteFile(r.hosts, []byte(text), 0o600)
		for name, want := range wants {
			wantAnswer(t, look(name), want)
		}
	}
}

func TestResolvConf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	os.WriteFile(file, []byte("; c\n# c\nnameserver 10.0.0.1\nnameserver fe80::1%lo\nnameserver x\nsearch a.example b.example.\noptions ndots:2 timeout:1 attempts:9 use-vc rotate x:y\n"), 0o600)
	s := resolver{config: file}.servers()
	if want := []string{"10.0.0.1:53", "[fe80::1%lo]:53"}; !slices.Equal(s.addresses, want) || s.dots != 2 || s.timeout != time.Second || s.attempts != 5 || !s.overTCP || !s.rotate {
		t.Errorf("%+v", s)
	}
	for name, want := range map[string]string{
		"db": "db.a.example. db.b.example. db.", "db.x": "db.x.a.example. db.x.b.example. db.x.", "db.x.y": "db.x.y. db.x.y.a.example. db.x.y.b.example.", "db.": "db.",
	} {
		if got := strings.Join(s.names(name), " "); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if s := (resolver{config: "/nowhere"}).servers(); !slices.Equal(s.addresses, []string{"127.0.0.1:53"}) {
		t.Errorf("%+v", s)
	}
}

// zone answers from a table; a family that is missing is answered with no address, "mute" not at all.
func zone(t *testing.T, table map[string][]string) dialFunc {
	return serveNames(t, func(query []byte) []byte {
		var m dnsmessage.Message
		if m.Unpack(query) != nil {
			return nil
		}
		q := m.Questions[0]
		m.Response, m.Additionals = true, nil
		all, ok := table[strings.TrimSuffix(q.Name.String(), ".")]
		if !ok {
			m.RCode = dnsmessage.RCodeNameError
		}
		for _, a := range all {
			head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
			ip, err := netip.ParseAddr(a)
			switch {
			case a == "mute":
				return nil
			case a == "broken":
				m.RCode = dnsmessage.RCodeServerFailure
			case err == nil && ip.Is4() && q.Type == dnsmessage.TypeA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: ip.As4()}})
			case err == nil && ip.Is6() && q.Type == dnsmessage.TypeAAAA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
			}
		}
		reply, _ := m.Pack()
		return append([]byte(nil), reply...)
	})
}

func TestLookup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	os.WriteFile(file, []byte("nameserver 10.0.0.1\nsearch a.example\n"), 0o600)
	r := resolver{hosts: "/nowhere", config: file, ask: zone(t, map[string][]string{
		"two.example": {"10.1.0.1", "2001:db8::1", "10.1.0.2"}, "db.a.example": {"10.1.0.3"}, "none.example": {}, "ill.example": {"broken"},
		"mute.example": {"mute"},
	})}
	for name, want := range map[string]string{
		"two.example": "2001:db8::1 10.1.0.1 10.1.0.2", "db": "10.1.0.3", "none.example": "name not found", "gone.example": "name not found",
		"ill.example": "name server 10.0.0.1:53: it answered ServerFailure", "mute.example": "name server 10.0.0.1:53: .*",
		strings.Repeat("x", 64) + ".example": "name not found", strings.Repeat("long.", 60): "name not found",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		all, err := r.lookup(ctx, name)
		got := ""
		for _, ip := range all {
			got += " " + ip.String()
		}
		if err != nil {
			got = plainNet(err).Error()
		}
		wantAnswer(t, strings.TrimSpace(got), want)
		if unknown := strings.Contains(want, "name server"); err != nil && errors.Is(plainNet(err), ErrNotAsked) != unknown {
			t.Errorf("%s: could not ask is %t", name, !unknown)
		}
	}
}

// Who is tried after others has his turn before the time is up, and the first that works ends the rest.
func TestStaggered(t *testing.T) {
	for name, c := range map[string]struct {
		n, good int
		limit   time.Duration
		takes   time.Duration
		want    time.Duration // -1: none works
	}{
		"one":              {1, 0, time.Second, 0, 0},
		"first":            {3, 0, time.Minute, 0, 0},
		"third":            {3, 2, time.Minute, 0, 500 * time.Millisecond},
		"many, little":     {100, 99, time.Second, 0, 495 * time.Millisecond},
		"slow is no death": {2, 0, time.Minute, 10 * time.Second, 10 * time.Second},
		"none":             {2, 9, time.Second, 0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), c.limit)
				defer cancel()
				began := time.Now()
				got, errs := staggered(ctx, c.n, nextAddress, func(ctx context.Context, i int) (int, error) {
					if i == c.good && sleep(ctx, c.takes) {
						return i, nil
					}
					<-ctx.Done() // a black hole
					return 0, ctx.Err()
				}, func(int) { t.Error("dropped") })
				if took := time.Since(began); c.want < 0 && len(errs) != c.n || c.want >= 0 && (errs != nil || got != c.good || took != c.want) {
					t.Errorf("%d, %v after %v", got, errs, took)
				}
				synctest.Wait()
			})
		})
	}
}

// An address that refuses is no reason to wait for the next one, and what comes too late is closed.
func TestStaggeredFailuresAndLateComers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped atomic.Int32
		began := time.Now()
		_, errs := staggered(context.Background(), 3, time.Hour, func(_ context.Context, i int) (int, error) {
			return i, errDown
		}, func(int) { dropped.Add(1) })
		if len(errs) != 3 || time.Since(began) != 0 {
			t.Errorf("%v after %v", errs, time.Since(began))
		}
		_, errs = staggered(context.Background(), 2, time.Second, func(_ context.Context, i int) (int, error) {
			time.Sleep(2 * time.Second)
			return i, nil
		}, func(int) { dropped.Add(1) })
		time.Sleep(time.Minute)
		if errs != nil || dropped.Load() != 1 {
			t.Errorf("%v, %d dropped", errs, dropped.Load())
		}
	})
}
