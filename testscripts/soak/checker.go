//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pidbox/testscripts/lab"
)

// patience is when a thing that must come counts as missing, on a machine however loaded.
const patience = 2 * time.Minute

// run is one soak: what was done, and what was wrong.
type run struct {
	seed   uint64
	took   time.Duration
	self   string // this program, for owners
	wrongs string // where owners complain

	mu     sync.Mutex
	done   map[string]int
	wrong  []string
	reuse  sync.Mutex // one at a time forces the next number
	closed atomic.Bool
}

// soak runs services at once until the time is over, and then looks whether what nobody was to signal lives.
func soak(pidbox string, length time.Duration, seed uint64, services int) (*run, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if _, err := lab.Install(pidbox, "/run/bin"); err != nil {
		return nil, err
	}
	r := &run{seed: seed, self: self, wrongs: "/run/wrongs", done: map[string]int{}}
	for range 3 {
		if _, err := r.bystander(); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	var all sync.WaitGroup
	for i := range services {
		s, err := r.service(i)
		if err != nil {
			return nil, err
		}
		all.Go(func() {
			for time.Since(began) < length && r.violations() < 20 {
				s.life()
			}
		})
	}
	all.Wait()
	r.closed.Store(true)
	r.took = time.Since(began)
	if text, err := os.ReadFile(r.wrongs); err == nil {
		r.violation("%s", text)
	}
	return r, nil
}

func (r *run) violation(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := strings.TrimSpace(fmt.Sprintf(format, args...))
	r.wrong = append(r.wrong, line)
	fmt.Fprintln(os.Stderr, "soak: violation:", line)
}

func (r *run) violations() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.wrong)
}

func (r *run) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[what]++
}

func (r *run) report() string {
	var b strings.Builder
	total := 0
	for _, name := range slices.Sorted(maps.Keys(r.done)) {
		fmt.Fprintf(&b, "%6d  %s\n", r.done[name], name)
		total += r.done[name]
	}
	fmt.Fprintf(&b, "seed %d: %d operations in %v, %d violations\n", r.seed, total, r.took.Round(time.Second), len(r.wrong))
	return b.String()
}

// guarded is a process that nobody may signal before it is given up.
type guarded struct {
	*lab.Process
	free atomic.Bool
}

// bystander starts a process, and complains if it ends before it was given up.
func (r *run) bystander() (*guarded, error) {
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return nil, err
	}
	return r.guard(p), nil
}

func (r *run) guard(p *lab.Process) *guarded {
	g := &guarded{Process: p}
	go func() {
		<-p.Gone()
		if !g.free.Load() && !r.closed.Load() {
			r.violation("process %d, which nobody was to signal, was ended", p.PID)
		}
	}()
	return g
}

// giveUp says that the process may be ended from now on.
func (g *guarded) giveUp() { g.free.Store(true) }

func (g *guarded) end() {
	g.giveUp()
	g.Kill()
}
