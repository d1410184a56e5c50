package run

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"pidbox/lib/fault/history"
	"pidbox/lib/fault/plan"
)

// kv is the client of a store: it makes operations of one-line commands, and a history of what came of them. Every value
// is written once, so that whoever reads it can be told from where.
type kv struct {
	*plan.KV
	to     io.Writer
	errs   io.Writer
	env    []string
	space  string // begins the keys
	cancel context.CancelFunc
	wait   sync.WaitGroup
	mu     sync.Mutex // of what is below, and of to
	value  int
	next   int64 // the next process
}

func startKV(k *plan.KV, to, errs io.Writer, env []string, space string) *kv {
	ctx, cancel := context.WithCancel(context.Background())
	c := &kv{KV: k, to: to, errs: errs, env: env, space: space, cancel: cancel, next: int64(k.Clients)}
	for i := range k.Clients {
		c.wait.Go(func() { c.client(ctx, int64(i)) })
	}
	return c
}

// stop lets the operations under way come to their end, and reads every key once more.
func (c *kv) stop() {
	c.cancel()
	c.wait.Wait()
	for k := range c.Keys {
		c.mu.Lock()
		process := c.next
		c.next++
		c.mu.Unlock()
		c.do(process, "read", k, "", "")
	}
}

func (c *kv) client(ctx context.Context, process int64) {
	every := time.Duration(float64(time.Second) * float64(c.Clients) / c.Rate)
	last := make([]string, c.Keys) // what this client has seen of each
	sleep(ctx, rand.N(every+1))
	for next := time.Now(); ctx.Err() == nil; {
		k := rand.IntN(c.Keys)
		f := "write"
		switch n := rand.IntN(10); {
		case n < 5:
			f = "read"
		case n < 7 && len(c.CAS) > 0 && last[k] != "":
			f = "cas"
		}
		value := ""
		if f != "read" {
			c.mu.Lock()
			c.value++
			value = strconv.Itoa(c.value)
			c.mu.Unlock()
		}
		kind, seen := c.do(process, f, k, last[k], value)
		if kind == history.OK {
			last[k] = seen
		}
		if kind == history.Info { // it may still come: its process is busy for ever
			c.mu.Lock()
			process = c.next
			c.next++
			c.mu.Unlock()
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
	c.print(history.Invoke, process, f, key, in)
	j, err := begin(words, append(c.env[:len(c.env):len(c.env)], "KEY="+key, "VALUE="+value, "OLD="+old), sinks{errs: c.errs})
	out := ""
	if err == nil {
		out, err = j.finish(context.Background(), time.Duration(c.Timeout))
	}
	switch {
	case err == nil && f == "read":
		if out = strings.TrimSpace(out); out == "" {
			c.print(history.OK, process, f, key, nil)
		} else {
			c.print(history.OK, process, f, key, out)
		}
		return history.OK, out
	case err == nil:
		c.print(history.OK, process, f, key, in)
		return history.OK, value
	case j == nil || f == "read" || f == "cas" && j.ending.Signal == 0 && j.ending.Code == 1:
		c.print(history.Fail, process, f, key, in)
		return history.Fail, ""
	}
	c.print(history.Info, process, f, key, in)
	return history.Info, ""
}

func (c *kv) print(kind history.Type, process int64, f, key string, value any) {
	b, err := json.Marshal(struct {
		Type    history.Type `json:"type"`
		Process int64        `json:"process"`
		F       string       `json:"f"`
		Key     string       `json:"key"`
		Value   any          `json:"value"`
	}{kind, process, f, key, value})
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.to.Write(append(b, '\n'))
}
