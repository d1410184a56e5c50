package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Zombie has ended and is not reaped before the test ends, unless by Reap.
func Zombie(t testing.TB) *Process {
	t.Helper()
	p := start(t, nil, "true")
	AwaitEnd(t, p.PID)
	return p
}

// AwaitEnd waits until a child of the test has ended, and leaves it a zombie.
func AwaitEnd(t testing.TB, pid int) {
	t.Helper()
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			t.Fatalf("waitid %d: %v", pid, err)
		}
	}
}

// ThreadID is the id of a thread of the test that is not its first, and lives as long as the test.
func ThreadID(t testing.TB) int {
	t.Helper()
	ids, end := make(chan int), make(chan struct{})
	t.Cleanup(func() { close(end) })
	var hold func()
	hold = func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if id := unix.Gettid(); id != os.Getpid() {
			ids <- id
		} else {
			go hold() // this one stays locked, so that one gets another thread
		}
		<-end
	}
	go hold()
	return <-ids
}

// Reuse is a Sleeper with that number, which must be free. It works within InNamespace only.
func Reuse(t testing.TB, pid int) *Process {
	t.Helper()
	var p *Process
	err := Force(pid, func() (int, error) {
		p = start(t, nil, "cat")
		return p.PID, nil
	}, func() { p.Kill() })
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.echo(t)
	return p
}

// attempts bounds Force, by work: a slow machine is no failure.
const attempts = 2000

// Force calls start until what it starts gets this number, which must be free, and undo after each start that got another:
// threads of this program, or another process, may snatch the number first. It needs a PID namespace of its own. The
// error is fs.ErrNotExist where the kernel lets nobody choose.
func Force(pid int, start func() (int, error), undo func()) error {
	for range attempts {
		spareThreads(pid)
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			return err
		}
		got, err := start()
		if err != nil || got == pid {
			return err
		}
		undo()
	}
	has, _ := filepath.Glob(fmt.Sprintf("/proc/[0-9]*/task/%d", pid))
	return fmt.Errorf("PID %d was not to be had in %d starts: %s", pid, attempts, has)
}

// spareThreads has the runtime make threads beforehand, for one that it made later would take the number and keep it. One
// that has it already, and is idle, ends.
func spareThreads(number int) {
	const threads = 8
	var up, down sync.WaitGroup
	up.Add(threads)
	for range threads {
		down.Go(func() {
			runtime.LockOSThread()
			up.Done()
			up.Wait() // each has a thread
			if unix.Gettid() != number {
				runtime.UnlockOSThread()
			}
		})
	}
	down.Wait()
}

// inside is the variable that names the one test to be run in namespaces of its own.
const inside = "PIDBOX_LAB_TEST"

// InNamespace runs the calling test again by Again. It returns true there, and false to the caller, who is to return at
// once. It skips the test unless it runs as root. TestMain has to call Enter.
func InNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		if os.Getenv(roleVar) != "" {
			t.Fatal("TestMain does not call lab.Enter")
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	var names []string
	for name := range strings.SplitSeq(t.Name(), "/") {
		names = append(names, "^"+regexp.QuoteMeta(name)+"$")
	}
	cmd := Again("-test.run="+strings.Join(names, "/"), "-test.count=1", "-test.v", "-test.timeout=15m")
	cmd.Env = append(cmd.Env, inside+"="+t.Name())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := Run(cmd)
	text := out.String()
	switch {
	case errors.Is(err, unix.EPERM) || !strings.Contains(text, "=== RUN") && strings.Contains(text, "not permitted"):
		t.Skipf("no namespaces: %v: %s", err, text)
	case err == nil && strings.Contains(text, "--- SKIP: "+t.Name()+" ("):
		t.Skipf("inside:\n%s", text)
	case err != nil || !strings.Contains(text, "--- PASS: "+t.Name()+" ("):
		t.Errorf("inside: %v\n%s", err, text)
	default:
		t.Logf("inside:\n%s", text)
	}
	return false
}
