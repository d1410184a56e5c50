//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
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

// service is one pidfile, and all that happens to it, one thing after another.
type service struct {
	*run
	rand *rand.Rand
	dir  string
	file string // the pidfile
	lock string // held by each owner for life: two cannot be
}

func (r *run) service(i int) (*service, error) {
	dir := fmt.Sprintf("/run/soak/%d", i)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &service{r, rand.New(rand.NewPCG(r.seed, uint64(i))), dir, dir + "/x.pid", dir + "/lock"}
	go s.readers()
	return s, nil
}

// readers reads the pidfile as Monit does, and complains of anything but a whole number and a newline.
func (s *service) readers() {
	for !s.closed.Load() {
		text, err := os.ReadFile(s.file)
		number, whole := strings.CutSuffix(string(text), "\n")
		if _, e := strconv.Atoi(number); err == nil && (!whole || e != nil) {
			s.violation("%s: a reader saw %q", s.file, text)
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// result is how a tool ended.
type result struct {
	status int // -1: by a signal
	argv   []string
	text   string
}

func (r result) String() string { return fmt.Sprintf("%q: status %d: %s", r.argv, r.status, r.text) }

// begin starts a tool; its end is on the channel.
func (s *service) begin(argv ...string) (*exec.Cmd, <-chan result) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, "/run/bin/"+argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), lab.As(lab.Owner))
	var out bytes.Buffer
	cmd.Stderr = &out
	cmd.WaitDelay = time.Second
	ended := make(chan result, 1)
	if err := cmd.Start(); err != nil {
		s.violation("%q: %v", argv, err)
		cancel()
		ended <- result{-1, argv, err.Error()}
		return nil, ended
	}
	go func() {
		defer cancel()
		err := cmd.Wait()
		if ctx.Err() != nil && !errors.Is(err, exec.ErrWaitDelay) {
			s.violation("%q did not end within %v", argv, patience)
		}
		ended <- result{cmd.ProcessState.ExitCode(), argv, strings.TrimSpace(out.String())}
	}()
	return cmd, ended
}

// tool runs a tool to its end. A busy lock is no answer: on a loaded machine somebody may hold one for long.
func (s *service) tool(argv ...string) result {
	for {
		_, ended := s.begin(argv...)
		if r := <-ended; r.status != 75 {
			return r
		}
		s.count("busy lock")
	}
}

// want runs a tool that must end with one of the statuses, the first of which is meant.
func (s *service) want(status int, argv ...string) bool {
	r := s.tool(argv...)
	if r.status != status {
		s.violation("%v: wanted %d", r, status)
	}
	return r.status == status
}

// eventually waits for a condition that must come.
func (s *service) eventually(what string, condition func() bool) bool {
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.violation("%s: not within %v: %s", s.dir, patience, what)
			return false
		}
	}
	return true
}

// named is the number in a pidfile, 0 without one.
func named(file string) int {
	text, _ := os.ReadFile(file)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func (s *service) names(pid int) bool {
	if now := named(s.file); now != pid {
		s.violation("%s names %d, not its owner %d", s.file, now, pid)
		return false
	}
	return true
}

func (s *service) missing(file string) {
	if _, err := os.Lstat(file); err == nil {
		s.violation("%s is there after its owner was stopped", file)
	}
}

// owner is the command of a process that owns this service.
func (s *service) owner() []string { return []string{s.self, s.lock, s.wrongs} }

// owners are those that run.
func (s *service) owners() []int {
	return lab.Processes(func(argv []string) bool { return slices.Equal(argv, s.owner()) })
}
