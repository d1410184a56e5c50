package run

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"pidbox/lib/fault/history"
	"pidbox/lib/fault/plan"
)

// kv is the client of a store: it makes operations of one-line commands, and a history of what came of them.
type kv struct {
	*plan.KV
	*history.Log
	errs   io.Writer
	env    []string
	space  string // begins the keys
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

func startKV(k *plan.KV, to, errs io.Writer, env []string, space string) *kv {
	ctx, cancel := context.WithCancel(context.Background())
	c := &kv{KV: k, Log: history.NewLog(to, int(k.Clients)), errs: errs, env: env, space: space, cancel: cancel}
	for i := range k.Clients {
		c.wait.Go(func() { c.client(ctx, int64(i)) })
	}
	return c
}

// stop lets the operations under way come to their end, and reads every key once more.
func (c *kv) stop() {
	c.cancel()
	c.wait.Wait()
	for k := range int(c.Keys) {
		c.do(c.Process(), "read", k, "", "")
	}
}

func (c *kv) client(ctx context.Context, process int64) {
	every := time.Duration(float64(time.Second) * float64(c.Clients) / float64(c.Rate))
	last := make([]string, c.Keys) // what this client has seen of each
	sleep(ctx, rand.N(every+1))
	for next := time.Now(); ctx.Err() == nil; {
		k := rand.IntN(int(c.Keys))
		f := "write"
		switch n := rand.IntN(10); {
		case n < 5:
			f = "read"
		case n < 7 && len(c.CAS) > 0 && last[k] != "":
			f = "cas"
		}
		value := ""
		if f != "read" {
			value = c.Value()
		}
		kind, seen := c.do(process, f, k, last[k], value)
		if kind == history.OK {
			last[k] = seen
		}
		if kind == history.Info { // it may still come: its process is busy for ever
			process = c.Process()
		}
		if next = next.Add(every); time.Until(next) < -time.Second {
			next = time.Now()
		}
		sleep(ctx, time.Until(next))
	}
}

// do does one operation, and returns what came of it and the value that the key has by it.
func (c *kv) do(process int64, f string, k int, old, value string) (history.Type, string) {
	key := fmt.Sprintf("%s-%d", c.space, k)
	argv := map[string]plan.Command{"read": c.Get, "write": c.Put, "cas": c.CAS}[f]
	in := any(value)
	if f == "read" {
		in = nil
	} else if f == "cas" {
		in = []string{old, value}
	}
	fill := strings.NewReplacer("{key}", key, "{value}", value, "{old}", old)
	words := make(plan.Command, len(argv))
	for i, w := range argv {
		words[i] = fill.Replace(w)
	}
	c.Print(history.Invoke, process, f, key, in)
	j, err := begin(words, append(c.env[:len(c.env):len(c.env)], "KEY="+key, "VALUE="+value, "OLD="+old), sinks{errs: c.errs})
	out := ""
	if err == nil {
		out, err = j.finish(context.Background(), time.Duration(c.Timeout), nil) // its outcome is open then, whatever kept it
	}
	switch {
	case err == nil && f == "read":
		if out = strings.TrimSpace(out); out == "" {
			c.Print(history.OK, process, f, key, nil)
		} else {
			c.Print(history.OK, process, f, key, out)
		}
		return history.OK, out
	case err == nil:
		c.Print(history.OK, process, f, key, in)
		return history.OK, value
	case j == nil || f == "read" || f == "cas" && j.ending.Signal == 0 && j.ending.Code == 1:
		c.Print(history.Fail, process, f, key, in)
		return history.Fail, ""
	}
	c.Print(history.Info, process, f, key, in)
	return history.Info, ""
}
