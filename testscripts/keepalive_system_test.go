//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

const keepAliveCtl = `#!/bin/sh
PATH=%[2]s
case $1 in
start) exec keep-alive --detach -p %[1]s/run/nginx.pid --log %[1]s/keep-alive.log -e %[1]s/nginx.log --stop-schedule QUIT/20/KILL/5 -- nginx -p %[1]s -c nginx.conf -e nginx.log ;;
stop) exec pid-kill --grace 40 -p %[1]s/run/nginx.pid ;;
esac
`

// A real Monit looks after keep-alive, which looks after a real nginx: whichever of them is killed, the service goes on.
func TestKeepAliveUnderMonit(t *testing.T) {
	for _, tool := range []string{"monit", "nginx"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	if !alone(t) {
		return
	}
	m := newMonit(t)
	own := m.pidfile
	m.pidfile = filepath.Join(m.dir, "run/nginx.child.pid")
	if err := os.Mkdir(filepath.Join(m.dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctl := fmt.Sprintf(keepAliveCtl, m.dir, os.Getenv("PATH")+":/usr/sbin:/usr/bin:/sbin:/bin")
	if err := os.WriteFile(filepath.Join(m.dir, "ctl"), []byte(ctl), 0o755); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(func() { applet("pid-kill", "-p", own) }) // before Monit's own
	first := m.serving("a first start")

	// Its workers keep the port: a new master can only serve because they were stopped first.
	syscall.Kill(first[0], syscall.SIGKILL)
	second := m.serving("kill -9 of nginx", first...)

	supervisor, err := readPID(own)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(supervisor, syscall.SIGKILL)
	m.until("another keep-alive after kill -9", func() string {
		if pid, err := readPID(own); err != nil || pid == supervisor {
			return fmt.Sprint(pid, err)
		}
		_, said := applet("keep-alive", "-p", own, "--status")
		if !strings.Contains(said, "adopted") {
			return said
		}
		return ""
	})
	if third := m.serving("adoption"); !slices.Contains(third, second[0]) {
		t.Fatalf("nginx was restarted: %v, before %v", third, second)
	}

	m.tell("restart")
	fourth := m.serving("restart", second...)
	m.tell("stop")
	m.stopped("stop", append(fourth, second...)...)
}

// As PID 1 it collects the orphans that its namespace leaves to it, passes signals on, and ends in good order.
func TestKeepAliveAsPID1(t *testing.T) {
	if !inNamespace() {
		t.Skip("needs root")
	}
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "child")
	err := os.WriteFile(script, []byte(`#!/bin/sh
trap 'echo hup >>hup' HUP
for i in 1 2 3 4 5 6 7 8 9 10; do
	sh -c 'sleeper -for 20ms & exit' # leaves an orphan
done
echo >round
echo >>rounds
test "$(wc -l <rounds)" -lt 5 && exit 1
echo >ready
while :; do sleeper -for 10ms; done
`), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
		"keep-alive", "-p", "x.pid", "--log", "log", "--free-restarts", "100", "--health", "exec:test -e round", "--health-interval", "10ms/100000", "--", "./child")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	read := func(name string) string { text, _ := os.ReadFile(filepath.Join(dir, name)); return string(text) }
	await := func(what string, holds func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited in vain: %s\n%s", what, read("log"))
			}
		}
	}
	await("the fifth run", func() bool { return read("ready") != "" })
	if got := read("x.pid"); got != "1\n" {
		t.Errorf("the pidfile holds %q", got)
	}
	init := childrenOf(cmd.Process.Pid)
	if len(init) != 1 {
		t.Fatalf("unshare has the children %v", init)
	}
	await("no zombie is left", func() bool {
		return !slices.ContainsFunc(childrenOf(init[0]), func(pid int) bool { s := lab.Stat(pid); return len(s) > 0 && s[0] == "Z" })
	})
	syscall.Kill(init[0], syscall.SIGHUP)
	await("HUP was passed on", func() bool { return read("hup") != "" })
	syscall.Kill(init[0], syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatalf("keep-alive does not end\n%s", read("log"))
	}
	if !cmd.ProcessState.Success() || strings.Contains(read("log"), "unhealthy") {
		t.Errorf("%v\n%s", cmd.ProcessState, read("log"))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "x.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func childrenOf(parent int) (pids []int) {
	for _, pid := range lab.PIDs() {
		if s := lab.Stat(pid); len(s) > 1 && s[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Where the file system has no extended attributes the record is a hidden file, and serves as well.
func TestKeepAliveWithoutAttributes(t *testing.T) {
	if !inNamespace() {
		t.Skip("needs root")
	}
	t.Parallel()
	s := &supervisor{T: t, dir: t.TempDir(), mark: "8765432"}
	if err := unix.Mount("ramfs", s.dir, "ramfs", 0, "mode=755"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Unmount(s.dir, unix.MNT_DETACH) })
	s.start()
	child := s.serving()
	hidden := filepath.Join(s.dir, ".x.child.pid.command")
	if info, err := os.Stat(hidden); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	s.kill()
	s.start()
	t.Cleanup(func() { s.kill(); syscall.Kill(child, syscall.SIGKILL) })
	log := func() string { text, _ := os.ReadFile(filepath.Join(s.dir, "log")); return string(text) }
	for end := time.Now().Add(patience); !strings.Contains(log(), "msg=adopted pid="+strconv.Itoa(child)); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not adopted: %s", log())
		}
	}
	unfinished := hidden + ".new" // as one that was killed leaves it
	if err := os.WriteFile(unfinished, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.stop()
	for _, path := range []string{hidden, unfinished} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
}
