//go:build linux

package testscripts

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

// bystander is a small process to be claimed and killed. It is not a fixture, for there are hundreds of it.
type bystander struct {
	pid   int
	ended chan struct{}
}

func start(t *testing.T) *bystander {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &bystander{cmd.Process.Pid, make(chan struct{})}
	go func() { cmd.Wait(); close(b.ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-b.ended })
	return b
}

func (b *bystander) alive() bool {
	select {
	case <-b.ended:
		return false
	default:
		return lab.Running(b.pid)
	}
}

// applet runs one and returns its status and what it said.
func applet(name string, args ...string) (int, string) {
	cmd := exec.Command(name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	status, err := exitStatus(cmd.Run())
	if err != nil {
		return -1, err.Error()
	}
	return status, out.String()
}

// Of 200 who claim one file at once, each for a live process of its own, exactly one wins, and the file is its.
func TestStormOfClaims(t *testing.T) {
	t.Parallel()
	const claimants, rounds = 200, 20
	var processes [claimants]*bystander
	for i := range processes {
		processes[i] = start(t)
	}
	file := filepath.Join(t.TempDir(), "storm.pid")
	for round := range rounds {
		var statuses [claimants]int
		var said [claimants]string
		begin := make(chan struct{})
		var all sync.WaitGroup
		for i, p := range processes {
			all.Go(func() {
				<-begin
				statuses[i], said[i] = applet("pid-claim", "--pid", strconv.Itoa(p.pid), "-p", file)
			})
		}
		close(begin)
		all.Wait()
		winner := -1
		for i, status := range statuses {
			switch {
			case status == 0 && winner < 0:
				winner = i
			case status == 0:
				t.Fatalf("round %d: %d and %d both won", round, processes[winner].pid, processes[i].pid)
			case status != 1 && status != 75: // 75: gave up waiting for the lock, on a slow machine
				t.Fatalf("round %d: status %d: %s", round, status, said[i])
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody won; %s", round, said[0])
		}
		text, err := os.ReadFile(file)
		if err != nil || string(text) != fmt.Sprintln(processes[winner].pid) {
			t.Fatalf("round %d: %d won, the file says %q (%v)", round, processes[winner].pid, text, err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// While some claim a file for live processes and others kill what it names and remove it, two owners never live at one
// time, nobody is killed who never was the owner, and nobody reads half a file.
func TestStormOfClaimsAndKills(t *testing.T) {
	t.Parallel()
	const atLeast, enough, limit = 5 * time.Second, 500, time.Minute
	file := filepath.Join(t.TempDir(), "storm.pid")
	var rounds atomic.Int64
	began := time.Now()
	over := func() bool {
		ran := time.Since(began)
		return t.Failed() || ran > limit || ran > atLeast && rounds.Load() > enough
	}
	var mu sync.Mutex
	owners := map[*bystander]bool{}
	owned := func(b *bystander) { // b's claim has just succeeded
		mu.Lock()
		defer mu.Unlock()
		for other := range owners {
			if other != b && other.alive() && b.alive() { // b itself may have been killed before we heard of its success
				t.Errorf("%d and %d both own the file and live", b.pid, other.pid)
			}
			if !other.alive() {
				delete(owners, other)
			}
		}
		owners[b] = true
		rounds.Add(1)
	}
	claim := func() {
		for !over() {
			b := start(t)
			for b.alive() && !over() {
				status, said := applet("pid-claim", "--quiet", "--pid", strconv.Itoa(b.pid), "-p", file)
				if status == 0 {
					owned(b)
					for !over() && b.alive() { // until a killer comes
						select {
						case <-b.ended:
						case <-time.After(50 * time.Millisecond):
						}
					}
				} else if status != 1 && status != 75 {
					t.Errorf("pid-claim: status %d: %s", status, said)
				} else if !b.alive() {
					t.Errorf("%d was killed and never owned the file", b.pid)
				}
			}
		}
	}
	kill := func() {
		for !over() {
			if status, said := applet("pid-kill", "-p", file); status != 0 && status != 75 {
				t.Errorf("pid-kill: status %d: %s", status, strings.TrimSpace(said))
			}
		}
	}
	read := func() {
		whole := regexp.MustCompile(`^[1-9][0-9]*\n$`)
		for ; !over(); time.Sleep(time.Millisecond) {
			if text, err := os.ReadFile(file); err == nil && !whole.Match(text) {
				t.Errorf("half a pidfile was read: %q", text)
			}
		}
	}
	var all sync.WaitGroup
	for _, one := range []func(){claim, claim, claim, kill, kill, read} {
		all.Go(one)
	}
	all.Wait()
	ran := time.Since(began)
	t.Logf("%d owners one after another in %v", rounds.Load(), ran.Round(time.Millisecond))
	if rounds.Load() < 20 { // slowness is no failure
		t.Errorf("%d owners in %v are too few to show anything", rounds.Load(), ran)
	}
}

// A claim that is killed at any moment leaves the old file or the new one, whole, and the next claim succeeds and sweeps
// up what it left.
func TestKilledClaims(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "web.pid")
	one, two := start(t), start(t)
	for round := range 40 {
		for _, p := range []*bystander{one, two} {
			os.Remove(file)
			if err := os.WriteFile(file, []byte("2147483647\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("pid-claim", "--pid", strconv.Itoa(p.pid), "-p", file)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(round) * 200 * time.Microsecond) // from its start to past its end
			cmd.Process.Kill()
			cmd.Wait()
			text, err := os.ReadFile(file)
			if said := string(text); err != nil || said != "2147483647\n" && said != fmt.Sprintln(p.pid) {
				t.Fatalf("round %d: the file says %q (%v)", round, said, err)
			}
			if status, said := applet("pid-claim", "--pid", strconv.Itoa(p.pid), "-p", file); status != 0 {
				t.Fatalf("round %d: status %d: %s", round, status, said)
			}
		}
	}
	os.Remove(file)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list { // what is young may be in use
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, e.Name()), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if status, said := applet("pid-claim", "--pid", strconv.Itoa(one.pid), "-p", file); status != 0 {
		t.Fatalf("status %d: %s", status, said)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
