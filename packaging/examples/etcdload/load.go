package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"pidbox/lib/fault/history"
)

// load is the clients.
type load struct {
	etcds         []string
	rate          float64
	keys, clients int
	serializable  bool
}

// shared is what the clients share.
type shared struct {
	*history.Log
	mu     sync.Mutex
	leases *os.File
	prefix string
}

func (l load) run() {
	s := &shared{Log: history.NewLog(os.Stdout, l.clients), prefix: fmt.Sprintf("%s/%s/%s/", os.Getenv("FAULT_RUN"), os.Getenv("FAULT_CASE"), os.Getenv("FAULT_ROUND"))}
	var err error
	if s.leases, err = os.Create(filepath.Join(os.Getenv("FAULT_DIR"), "leases")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	all := make([]member, len(l.etcds))
	for i, url := range l.etcds {
		all[i] = open(url, 1500*time.Millisecond)
	}
	for i := range l.clients {
		go l.client(s, all, int64(i))
	}
	select {}
}

func (l load) client(s *shared, g []member, process int64) {
	every := time.Duration(0)
	if l.rate > 0 {
		every = time.Duration(float64(time.Second) * float64(l.clients) / l.rate)
	}
	last := map[string]string{}
	for next := time.Now(); ; {
		to := g[rand.IntN(len(g))]
		key := fmt.Sprintf("%s%d", s.prefix, rand.IntN(l.keys))
		var unknown bool
		switch n := rand.IntN(100); {
		case n < 45:
			unknown = l.write(s, to, process, key, last, n < 3)
		case n < 50:
			s.remove(to)
		case n < 58 && last[key] != "":
			unknown = l.cas(s, to, process, key, last)
		case n < 60:
			s.lease(to)
		case n < 61:
			_, _ = to.prefix(context.Background(), s.prefix)
		default:
			l.read(s, to, process, key, last)
		}
		if unknown { // it may still come: its process is busy for ever
			process = s.Process()
		}
		if next = next.Add(every); time.Until(next) < -time.Second {
			next = time.Now()
		}
		time.Sleep(time.Until(next))
	}
}

// done prints what came of an operation that changes something, and says whether that is unknown.
func (s *shared) done(err error, process int64, f, key string, value any) bool {
	refused := errRefused{}
	switch {
	case err == nil:
		s.Print(history.OK, process, f, key, value)
	case errors.As(err, &refused):
		s.Print(history.Fail, process, f, key, value)
	default:
		s.Print(history.Info, process, f, key, value)
		return true
	}
	return false
}

func (l load) write(s *shared, to member, process int64, key string, last map[string]string, large bool) bool {
	value := s.Value()
	size := 100
	if large {
		size = 32 << 10
	}
	s.Print(history.Invoke, process, "write", key, value)
	_, err := to.call(context.Background(), "KV/Put", put(key, value+strings.Repeat(" ", size), 0))
	if err == nil {
		last[key] = value
	}
	return s.done(err, process, "write", key, value)
}

// remove writes a key and removes it: it is none of those that the history is about.
func (s *shared) remove(to member) {
	key, ctx := s.prefix+"removed/"+s.Value(), context.Background()
	if _, err := to.call(ctx, "KV/Put", put(key, "x", 0)); err == nil {
		_, _ = to.call(ctx, "KV/DeleteRange", message{}.text(1, key))
	}
}

func (l load) cas(s *shared, to member, process int64, key string, last map[string]string) bool {
	value, old := s.Value(), last[key]
	in := []string{old, value}
	s.Print(history.Invoke, process, "cas", key, in)
	pad := strings.Repeat(" ", 100)
	const value3 = 3 // of the targets of a Compare; the result that it asks for, EQUAL, is 0
	compare := message{}.number(2, value3).text(3, key).text(7, old+pad)
	got, err := to.call(context.Background(), "KV/Txn", message{}.within(1, compare).within(2, message{}.within(2, put(key, value+pad, 0))))
	succeeded, _ := got.field(2)
	switch {
	case err == nil && succeeded == 0:
		delete(last, key)
		s.Print(history.Fail, process, "cas", key, in)
		return false
	case err == nil:
		last[key] = value
	}
	return s.done(err, process, "cas", key, in)
}

func (l load) read(s *shared, to member, process int64, key string, last map[string]string) {
	s.Print(history.Invoke, process, "read", key, nil)
	switch got, err := to.get(context.Background(), key, l.serializable); {
	case err != nil:
		s.Print(history.Fail, process, "read", key, nil)
	case got == "":
		delete(last, key)
		s.Print(history.OK, process, "read", key, nil)
	default:
		last[key] = got
		s.Print(history.OK, process, "read", key, got)
	}
}

// lease takes a lease, and a key under it. Some are short and left alone, some are revoked, some are long.
func (s *shared) lease(to member) {
	ttl, end := int64(3), "expires"
	switch rand.IntN(3) {
	case 0:
		ttl, end = 3600, "stays"
	case 1:
		ttl, end = 3600, "revoked"
	}
	ctx := context.Background()
	got, err := to.call(ctx, "Lease/LeaseGrant", message{}.number(1, ttl))
	id, _ := got.field(2)
	if err != nil || id == 0 {
		return
	}
	key := s.prefix + "lease/" + strconv.FormatInt(id, 10)
	_, err = to.call(ctx, "KV/Put", put(key, "x", id))
	if err == nil && end == "revoked" {
		_, err = to.call(ctx, "Lease/LeaseRevoke", message{}.number(1, id))
	}
	if err != nil { // nobody knows
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.leases, "%d %s %s\n", id, end, key)
}
