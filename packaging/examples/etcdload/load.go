package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
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
	mu      sync.Mutex
	value   int
	process int
	leases  *os.File
	prefix  string
}

func (l load) run() {
	s := &shared{process: l.clients, prefix: fmt.Sprintf("%s/%s/%s/", os.Getenv("FAULT_RUN"), os.Getenv("FAULT_CASE"), os.Getenv("FAULT_ROUND"))}
	var err error
	if s.leases, err = os.Create(filepath.Join(os.Getenv("FAULT_DIR"), "leases")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := range l.clients {
		go l.client(s, i)
	}
	select {}
}

func (l load) client(s *shared, process int) {
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
			s.mu.Lock()
			process = s.process
			s.process++
			s.mu.Unlock()
		}
		if next = next.Add(every); time.Until(next) < -time.Second {
			next = time.Now()
		}
		time.Sleep(time.Until(next))
	}
}

func (s *shared) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value++
	return fmt.Sprint(s.value)
}

func (s *shared) print(kind string, process int, f, key string, value any) {
	b, _ := json.Marshal(struct {
		Type    string `json:"type"`
		Process int    `json:"process"`
		F       string `json:"f"`
		Key     string `json:"key"`
		Value   any    `json:"value"`
	}{kind, process, f, key, value})
	s.mu.Lock()
	defer s.mu.Unlock()
	os.Stdout.Write(append(b, '\n'))
}

// done prints what came of an operation that changes something, and says whether that is unknown.
func (s *shared) done(err error, process int, f, key string, value any) bool {
	refused := errRefused{}
	switch {
	case err == nil:
		s.print("ok", process, f, key, value)
	case errors.As(err, &refused):
		s.print("fail", process, f, key, value)
	default:
		s.print("info", process, f, key, value)
		return true
	}
	return false
}

func (l load) write(s *shared, to gateway, process int, key string, last map[string]string, large bool) bool {
	value := s.next()
	size := 100
	if large {
		size = 32 << 10
	}
	s.print("invoke", process, "write", key, value)
	err := to.call(context.Background(), "kv/put", object{"key": b64(key), "value": b64(value + strings.Repeat(" ", size))}, nil)
	if err == nil {
		last[key] = value
	}
	return s.done(err, process, "write", key, value)
}

// remove writes a key and removes it: it is none of those that the history is about.
func (s *shared) remove(to gateway) {
	key, ctx := s.prefix+"removed/"+s.next(), context.Background()
	if to.call(ctx, "kv/put", object{"key": b64(key), "value": b64("x")}, nil) == nil {
		_ = to.call(ctx, "kv/deleterange", object{"key": b64(key)}, nil)
	}
}

func (l load) cas(s *shared, to gateway, process int, key string, last map[string]string) bool {
	value, old := s.next(), last[key]
	in := []string{old, value}
	s.print("invoke", process, "cas", key, in)
	pad := strings.Repeat(" ", 100)
	var got struct{ Succeeded bool }
	err := to.call(context.Background(), "kv/txn", object{
		"compare": []object{{"target": "VALUE", "result": "EQUAL", "key": b64(key), "value": b64(old + pad)}},
		"success": []object{{"request_put": object{"key": b64(key), "value": b64(value + pad)}}},
	}, &got)
	switch {
	case err == nil && !got.Succeeded:
		delete(last, key)
		s.print("fail", process, "cas", key, in)
		return false
	case err == nil:
		last[key] = value
	}
	return s.done(err, process, "cas", key, in)
}

func (l load) read(s *shared, to gateway, process int, key string, last map[string]string) {
	s.print("invoke", process, "read", key, nil)
	switch got, err := to.get(context.Background(), key, l.serializable); {
	case err != nil:
		s.print("fail", process, "read", key, nil)
	case got == "":
		delete(last, key)
		s.print("ok", process, "read", key, nil)
	default:
		last[key] = got
		s.print("ok", process, "read", key, got)
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
