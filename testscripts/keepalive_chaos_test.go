//go:build linux

package testscripts

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Whoever is killed at whatever moment, supervisor or child or both: there are never two children, there is one again
// soon, and no stranger is signalled, not even one that has got the number of a child.
func keepAliveChaos(t *testing.T, kills int) {
	if !alone(t) {
		return
	}
	s := &supervisor{T: t, dir: t.TempDir(), mark: "98765"}
	var over atomic.Bool
	var looks int
	var checker sync.WaitGroup
	checker.Go(func() {
		for ; !over.Load(); looks++ {
			if pids := s.two(); pids != nil {
				t.Errorf("two children at once: %v", pids)
				return
			}
		}
	})
	defer checker.Wait()
	defer over.Store(true)
	var strangers []*bystander
	for range 5 {
		strangers = append(strangers, start(t))
	}
	s.start()
	random := rand.New(rand.NewPCG(1, uint64(os.Getpid())))
	var longest time.Duration
	for n := 0; n < kills && !t.Failed(); {
		time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
		switch what := random.IntN(10); {
		case what < 4: // the supervisor, perhaps before it has a child
			s.kill()
			n++
			s.start()
		case what < 9:
			began := time.Now()
			syscall.Kill(s.serving(), syscall.SIGKILL)
			n++
			s.serving()
			longest = max(longest, time.Since(began))
		default: // both, and a stranger gets the child's number
			child := s.serving()
			s.kill()
			syscall.Kill(child, syscall.SIGKILL)
			n += 2
			heir, err := startAs(child, func() *exec.Cmd { return exec.Command("sleep", "300") })
			if err != nil {
				t.Fatal(err)
			}
			gone := make(chan struct{})
			go func() { heir.Wait(); close(gone) }()
			t.Cleanup(func() { heir.Process.Kill(); <-gone })
			strangers = append(strangers, &bystander{child, gone})
			s.start()
		}
	}
	s.serving()
	over.Store(true)
	checker.Wait()
	s.answers()
	s.stop()
	for _, b := range strangers {
		if !b.alive() {
			t.Errorf("the stranger %d was killed", b.pid)
		}
	}
	t.Logf("%d looks for a second child; a killed child was back after %v at most", looks, longest.Round(time.Millisecond))
}
