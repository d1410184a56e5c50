//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// spiteful is the uid of the user who works against root in these tests.
const spiteful = 65534

// unquiet calls change over and over until the function that it returns is called.
func unquiet(change func()) (stop func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				change()
			}
		}
	})
	return func() { close(over); all.Wait() }
}

// While a directory on the way is exchanged for a link to a private one, and back, as its owner can, nothing in the private
// one is made, replaced or removed, and no call answers anything that its table does not have.
func TestExchangedComponent(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	openToAll(t, dir)
	private, his := filepath.Join(dir, "private"), filepath.Join(dir, "his")
	app, link := filepath.Join(his, "app"), filepath.Join(his, "link")
	stranger := start(t)
	for _, err := range []error{
		os.Mkdir(private, 0o700), os.Mkdir(his, 0o755), os.Mkdir(app, 0o755), os.Symlink(private, link),
		os.WriteFile(filepath.Join(private, "web.pid"), fmt.Appendln(nil, stranger.pid), 0o644),
		os.Lchown(his, spiteful, spiteful), os.Lchown(app, spiteful, spiteful), os.Lchown(link, spiteful, spiteful),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	stop := unquiet(func() { unix.Renameat2(unix.AT_FDCWD, app, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE) })
	defer stop()
	file := filepath.Join(app, "web.pid")
	for range 60 {
		for _, call := range [][]string{
			{"pid-kill", "-p", file},
			{"pid-claim", "--user", "nobody", "-p", file, "--", "true"},
			{"pid-claim", "--user", "nobody", "-p", filepath.Join(app, "new/web.pid"), "--", "true"},
			{"pid-alive", "-p", file},
		} {
			switch status, said := applet(call[0], call[1:]...); status {
			case 0, 1, 3, 4, 75:
			default:
				t.Fatalf("%q: status %d: %s", call, status, said)
			}
		}
	}
	entries, err := os.ReadDir(private)
	text, err2 := os.ReadFile(filepath.Join(private, "web.pid"))
	if err != nil || err2 != nil || len(entries) != 1 || string(text) != fmt.Sprintln(stranger.pid) {
		t.Errorf("in the private directory: %v, %q (%v, %v)", entries, text, err, err2)
	}
	if !stranger.alive() {
		t.Error("the process of the private pidfile was killed")
	}
}

// While a directory on the way goes and comes, claims and kills end with a status of their table, and what a claim that
// succeeded made is found once the directory stays.
func TestRemovedComponent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run, away := filepath.Join(dir, "run"), filepath.Join(dir, "away")
	if err := os.Mkdir(run, 0o755); err != nil {
		t.Fatal(err)
	}
	stop := unquiet(func() {
		os.Rename(run, away)
		if os.Rename(away, run) != nil { // a claim made the directory anew
			os.RemoveAll(run)
			os.Rename(away, run)
		}
	})
	for range 100 {
		for _, call := range [][]string{
			{"pid-claim", "-p", filepath.Join(run, "web.pid"), "--", "true"}, {"pid-alive", "-p", filepath.Join(run, "web.pid")},
			{"pid-kill", "-p", filepath.Join(run, "web.pid")},
		} {
			switch status, said := applet(call[0], call[1:]...); status {
			case 0, 1, 3, 4, 75, 125:
			default:
				t.Fatalf("%q: status %d: %s", call, status, said)
			}
		}
	}
	stop()
	if status, said := applet("pid-claim", "-p", filepath.Join(run, "web.pid"), "--", "true"); status != 0 {
		t.Errorf("status %d: %s", status, said)
	}
}

// A claimant who may write a directory and not read it is not disturbed by root's claims there.
func TestClaimsInUnreadableDirectory(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	openToAll(t, dir)
	run := filepath.Join(dir, "run")
	for _, err := range []error{os.Mkdir(run, 0), os.Chown(run, 0, spiteful), os.Chmod(run, 0o730)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	stop := unquiet(func() { applet("pid-claim", "-p", filepath.Join(run, "root.pid"), "--", "true") })
	defer stop()
	for i := range 150 {
		file := filepath.Join(run, fmt.Sprintf("his%d.pid", i%3))
		if status, said := applet("as", "nobody", "pid-claim", "-p", file, "--", "true"); status != 0 {
			t.Fatalf("claim %d: status %d: %s", i, status, said)
		}
	}
}

// A pid-kill that is itself killed while it holds a tree still leaves nobody stopped.
func TestKilledWhileItFreezes(t *testing.T) {
	t.Parallel()
	const members = 60
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			caught := 0
			for round := 0; round < 40 && caught < 3; round++ {
				dir := t.TempDir()
				file := filepath.Join(dir, "web.pid")
				leader := exec.Command("forker", "-n", fmt.Sprint(members), "-sessions", file)
				if err := leader.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan struct{})
				go func() { leader.Wait(); close(ended) }()
				eventually(t, "the leader's pidfile", func() bool { _, err := os.Stat(file); return err == nil })
				var pids []int
				for i := range members {
					pids = append(pids, number(t, dir, fmt.Sprintf("web.pid.%d", i+1)))
				}
				kill := exec.Command("pid-kill", "-p", file, "--tree", "--retry", "KILL/5")
				if err := kill.Start(); err != nil {
					t.Fatal(err)
				}
				over := make(chan struct{})
				go func() { kill.Wait(); close(over) }()
				caught += killWhenStopped(kill.Process, append(pids, leader.Process.Pid), sig, over)
				<-over
				stopped := func() (left []int) {
					for _, pid := range pids {
						if lab.State(pid) == 'T' {
							left = append(left, pid)
						}
					}
					return left
				}
				for end := time.Now().Add(patience); len(stopped()) > 0 && time.Now().Before(end); {
					time.Sleep(time.Millisecond)
				}
				left := stopped()
				for _, pid := range append(pids, leader.Process.Pid) {
					syscall.Kill(pid, syscall.SIGKILL)
				}
				<-ended
				if len(left) > 0 {
					t.Fatalf("round %d: %d members were left stopped", round, len(left))
				}
			}
			if caught == 0 {
				t.Log("no freeze was seen")
			}
		})
	}
}

// killWhenStopped sends the signal to p as soon as one of the processes is seen to be stopped, and counts that.
func killWhenStopped(p *os.Process, pids []int, sig syscall.Signal, over chan struct{}) int {
	for {
		select {
		case <-over:
			return 0
		default:
		}
		for _, pid := range pids {
			if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); strings.Contains(string(text), ") T ") {
				p.Signal(sig)
				return 1
			}
		}
	}
}

// openToAll lets other users pass the directories of a test.
func openToAll(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
