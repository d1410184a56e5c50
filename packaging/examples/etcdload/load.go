package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	for i := range l.clients {
		go l.client(s, int64(i))
	}
	select {}
}

func (l load) client(s *shared, process int64) {
	g := make([]gateway, len(l.etcds))
	for i, url := range l.etcds {
		g[i] = open(url, 1500*time.Millisecond)
	}
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
			_, _ = to.prefix(context.Background(), s.prefix, true)
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

func (l load) write(s *shared, to gateway, process int64, key string, last map[string]string, large bool) bool {
	value := s.Value()
	size := 100
	if large {
		size = 32 << 10
	}
	s.Print(history.Invoke, process, "write", key, value)
	err := to.call(context.Background(), "kv/put", object{"key": b64(key), "value": b64(value + strings.Repeat(" ", size))}, nil)
	if err == nil {
		last[key] = value
	}
	return s.done(err, process, "write", key, value)
}

// remove writes a key and removes it: it is none of those that the history is about.
func (s *shared) remove(to gateway) {
	key, ctx := s.prefix+"removed/"+s.Value(), context.Background()
	if to.call(ctx, "kv/put", object{"key": b64(key), "value": b64("x")}, nil) == nil {
		_ = to.call(ctx, "kv/deleterange", object{"key": b64(key)}, nil)
	}
}

func (l load) cas(s *shared, to gateway, process int64, key string, last map[string]string) bool {
	value, old := s.Value(), last[key]
	in := []string{old, value}
	s.Print(history.Invoke, process, "cas", key, in)
	pad := strings.Repeat(" ", 100)
	var got struct{ Succeeded bool }
	err := to.call(context.Background(), "kv/txn", object{
		"compare": []object{{"target": "VALUE", "result": "EQUAL", "key": b64(key), "value": b64(old + pad)}},
		"success": []object{{"request_put": object{"key": b64(key), "value": b64(value + pad)}}},
	}, &got)
	switch {
	case err == nil && !got.Succeeded:
		delete(last, key)
		s.Print(history.Fail, process, "cas", key, in)
		return false
	case err == nil:
		last[key] = value
	}
	return s.done(err, process, "cas", key, in)
}

func (l load) read(s *shared, to gateway, process int64, key string, last map[string]string) {
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
func (s *shared) lease(to gateway) {
	ttl, end := 3, "expires"
	switch rand.IntN(3) {
	case 0:
		ttl, end = 3600, "stays"
	case 1:
		ttl, end = 3600, "revoked"
	}
	var got struct{ ID string }
	ctx := context.Background()
	if to.call(ctx, "lease/grant", object{"TTL": ttl}, &got) != nil || got.ID == "" {
		return
	}
	key := s.prefix + "lease/" + got.ID
	err := to.call(ctx, "kv/put", object{"key": b64(key), "value": b64("x"), "lease": got.ID}, nil)
	if err == nil && end == "revoked" {
		err = to.call(ctx, "lease/revoke", object{"ID": got.ID}, nil)
	}
	if err != nil { // nobody knows
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.leases, "%s %s %s\n", got.ID, end, key)
}
