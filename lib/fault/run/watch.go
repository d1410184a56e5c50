package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pidbox/lib/fault/report"
	"pidbox/lib/health"
)

// watcher keeps the timeline of every member: it looks, for nobody tells.
type watcher struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	open   map[string]*report.Span // by member, lane and, for faults, value
	closed []report.Span
}

// How often the watcher looks.
const (
	statusEvery = 100 * time.Millisecond
	healthEvery = 250 * time.Millisecond
)

// looks bounds what the looks cost this machine: of many members each is looked at less often.
func looks(often time.Duration, members int, cost time.Duration) time.Duration {
	return max(often, time.Duration(members)*cost)
}

func (c *Cluster) watch() *watcher {
	all := len(c.plan.Members)
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{cancel: cancel, open: map[string]*report.Span{}}
	for _, m := range c.plan.Members {
		w.done.Go(func() {
			for ; ctx.Err() == nil; sleep(ctx, looks(statusEvery, all, 4*time.Millisecond)) {
				s, err := c.clients[m.Name].status(ctx)
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					w.see(m.Name, report.State, "unreachable")
					continue
				}
				w.see(m.Name, report.State, string(s.State))
				faults := []string{}
				for _, f := range s.Faults {
					faults = append(faults, string(f.Kind))
				}
				w.see(m.Name, report.Fault, faults...)
			}
		})
		check, err := m.Health.Check()
		if err != nil {
			continue
		}
		w.done.Go(func() {
			for ; ctx.Err() == nil; sleep(ctx, looks(healthEvery, all, 20*time.Millisecond)) {
				limited, stop := context.WithTimeout(ctx, tryTimeout)
				err := check.Check(limited)
				stop()
				switch {
				case ctx.Err() != nil:
					return
				case errors.Is(err, health.ErrNotAsked):
					w.see(m.Name, report.Health)
				case err != nil:
					w.see(m.Name, report.Health, "unhealthy")
				default:
					w.see(m.Name, report.Health, "healthy")
				}
			}
		})
	}
	return w
}

// see says what is in a lane now: spans of other values end.
func (w *watcher) see(member string, lane report.Lane, values ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	seen := map[string]bool{}
	for _, v := range values {
		key := fmt.Sprintf("%s\x00%s\x00%s", member, lane, v)
		seen[key] = true
		if w.open[key] == nil {
			w.open[key] = &report.Span{Member: member, Lane: lane, Value: v, From: now}
		}
		w.open[key].To = now
	}
	for key, s := range w.open {
		if s.Member == member && s.Lane == lane && !seen[key] {
			s.To = now
			w.closed = append(w.closed, *s)
			delete(w.open, key)
		}
	}
}

func (w *watcher) end() []report.Span {
	w.cancel()
	w.done.Wait()
	for _, s := range w.open {
		s.To = time.Now()
		w.closed = append(w.closed, *s)
	}
	return w.closed
}
