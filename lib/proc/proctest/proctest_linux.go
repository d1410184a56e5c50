package proctest

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
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
	if _, err := os.Stat("/proc/sys/kernel/ns_last_pid"); err != nil {
		t.Skip(err)
	}
	for range 1000 { // a thread or another process may snatch the number, and end
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			t.Fatal(err)
		}
		p := start(t, nil, "cat")
		if p.PID == pid {
			p.echo(t)
			return p
		}
		p.Kill()
	}
	t.Fatalf("number %d was never given out", pid)
	return nil
}

const inside = "PIDBOX_PROCTEST_INSIDE"

// InNamespace runs the calling test again, in a PID and a mount namespace of its own with its own /proc and an init
// that reaps orphans. It returns true there, and false to the caller, who is to return at once. It skips the test
// unless it runs as root.
func InNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range strings.SplitSeq(t.Name(), "/") {
		names = append(names, "^"+regexp.QuoteMeta(name)+"$")
	}
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--",
		"sh", "-c", `"$@"; exit "$?"`, "init",
		program, "-test.run="+strings.Join(names, "/"), "-test.count=1", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	out, err := cmd.CombinedOutput()
	text := string(out)
	switch {
	case !strings.Contains(text, "=== RUN") && strings.Contains(text, "not permitted"):
		t.Skipf("no namespaces: %s", text)
	case err == nil && strings.Contains(text, "--- SKIP: "+t.Name()+" ("):
		t.Skipf("inside:\n%s", text)
	case err != nil || !strings.Contains(text, "--- PASS: "+t.Name()+" ("):
		t.Errorf("inside: %v\n%s", err, text)
	default:
		t.Logf("inside:\n%s", text)
	}
	return false
}
