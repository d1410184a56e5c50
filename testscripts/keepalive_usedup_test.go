//go:build linux

package testscripts

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// A supervisor that has no descriptor or no process left, from one moment on, does in each phase what needs none: it goes on with the
// one that COMMAND left in its place, leaves, stops without the command that there is for that, keeps what it cannot start
// again, and calls no COMMAND unhealthy that it cannot check.
func TestKeepAliveUsedUp(t *testing.T) {
	if !alone(t) {
		return
	}
	takers := map[string]func(pid int){"descriptors": func(pid int) {
		var was unix.Rlimit
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
			t.Fatal(err)
		}
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: was.Max}, nil); err != nil {
			t.Fatal(err)
		}
	}}
	if limit, err := limitOfProcesses(t); err != nil {
		t.Logf("no limit of processes can be set: %v", err)
	} else {
		takers["processes"] = func(pid int) { limit(pid, "1") }
	}
	takers[ofUser] = func(pid int) { // by the user himself, for which root may lack CAP_SYS_RESOURCE
		info, err := os.Stat("/proc/" + strconv.Itoa(pid))
		if err != nil {
			t.Fatal(err)
		}
		prlimit := exec.Command("prlimit", "--nproc=1:1", "--pid", strconv.Itoa(pid))
		prlimit.SysProcAttr = asUser(info.Sys().(*syscall.Stat_t).Uid)
		if out, err := prlimit.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for what, take := range takers {
		for phase, try := range map[string]func(*usedUp){
			"following": (*usedUp).following, "leaving": (*usedUp).leaving, "stopping by its own command": (*usedUp).byCommand,
			"restarting": (*usedUp).restarting, "checking": (*usedUp).checking,
		} {
			t.Run(what+" "+phase, func(t *testing.T) { try(&usedUp{T: t, what: what, take: take, dir: t.TempDir()}) })
		}
	}
}

// ofUser is what RLIMIT_NPROC counts.
const ofUser = "processes of a user"

// usedUp is a keep-alive from which something is taken.
type usedUp struct {
	*testing.T
	what string
	take func(pid int)
	dir  string
	cmd  *exec.Cmd
}

func (u *usedUp) path(name string) string { return filepath.Join(u.dir, name) }

func (u *usedUp) start(args ...string) {
	u.Helper()
	u.cmd = exec.Command("keep-alive", append([]string{"-p", "x.pid", "--log", "log"}, args...)...)
	u.cmd.Dir = u.dir
	if u.what == ofUser {
		u.cmd.SysProcAttr = asUser(u.alone())
	}
	if err := u.cmd.Start(); err != nil {
		u.Fatal(err)
	}
	u.Cleanup(func() { u.cmd.Process.Kill(); u.cmd.Wait() })
	u.says("msg=started")
}

// alone is a user whom nobody else is, so that the kernel's count of his processes is of this keep-alive's; the directory is his.
func (u *usedUp) alone() uint32 {
	u.Helper()
	user := 1<<30 + rand.Uint32N(1<<30)
	if err := os.Chown(u.dir, int(user), int(user)); err != nil {
		u.Fatal(err)
	}
	for dir := u.dir; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			u.Fatal(err)
		}
	}
	return user
}

func asUser(user uint32) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
}

// await waits for what must come.
func (u *usedUp) await(what string, holds func() bool) {
	u.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			log, _ := os.ReadFile(u.path("log"))
			u.Fatalf("waited in vain: %s\n%s", what, log)
		}
	}
}

func (u *usedUp) said(text string) int {
	log, _ := os.ReadFile(u.path("log"))
	return strings.Count(string(log), text)
}

func (u *usedUp) says(text string) {
	u.Helper()
	u.await(text, func() bool { return u.said(text) > 0 })
}

// pid is what a file holds once it does.
func (u *usedUp) pid(name string) (pid int) {
	u.Helper()
	u.await(name, func() (there bool) {
		n, err := readPID(u.path(name))
		pid = n
		return err == nil
	})
	return pid
}

// ends has a signal end the supervisor with 0.
func (u *usedUp) ends(sig syscall.Signal) {
	u.Helper()
	u.cmd.Process.Signal(sig)
	if err := u.cmd.Wait(); err != nil {
		log, _ := os.ReadFile(u.path("log"))
		u.Errorf("%v\n%s", err, log)
	}
}

func (u *usedUp) gone(pid int) {
	u.Helper()
	if lab.Running(pid) {
		u.Errorf("process %d is left", pid)
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (u *usedUp) following() {
	u.start("--follow-pid-file", "own.pid", "--", "sh", "-c", "setsid sleeper own.pid & sleeper -until go")
	heir := u.pid("own.pid")
	u.take(u.cmd.Process.Pid)
	if err := os.WriteFile(u.path("go"), nil, 0o644); err != nil {
		u.Fatal(err)
	}
	u.says("msg=followed")
	if u.what == "descriptors" {
		u.says(`level=WARN msg="not followed yet"`)
	}
	if pid := u.pid("x.child.pid"); pid != heir {
		u.Errorf("the pidfile names %d, not %d", pid, heir)
	}
	u.ends(syscall.SIGTERM)
	u.gone(heir)
}

func (u *usedUp) leaving() {
	u.start("--leave-on", "USR2", "--", "sleeper", "ready")
	pid := u.pid("ready")
	u.take(u.cmd.Process.Pid)
	u.ends(syscall.SIGUSR2)
	if !lab.Running(pid) {
		u.Error("it was not left")
	}
	if status, said := applet("keep-alive", "--stop", "-p", u.path("x.pid")); status != 0 || said != "" {
		u.Errorf("--stop: %d: %s", status, said)
	}
	u.gone(pid)
}

func (u *usedUp) byCommand() {
	u.start("--stop-command", "kill $PID", "--", "sleeper", "ready")
	pid := u.pid("ready")
	u.take(u.cmd.Process.Pid)
	u.ends(syscall.SIGTERM)
	u.says(`level=WARN msg="the stop command failed"`)
	u.gone(pid)
}

func (u *usedUp) restarting() {
	u.start("--", "sleeper", "ready")
	pid := u.pid("ready")
	u.take(u.cmd.Process.Pid)
	if u.what != "descriptors" { // without a descriptor no request is heard
		status, said := applet("keep-alive", "--restart", "-p", u.path("x.pid"))
		if status != 4 || !strings.Contains(said, "cannot fork: resource temporarily unavailable") {
			u.Errorf("--restart: %d: %s", status, said)
		}
	}
	syscall.Kill(pid, syscall.SIGKILL)
	u.says(`msg="not started"`)
	u.ends(syscall.SIGTERM)
	u.gone(pid)
}

func (u *usedUp) checking() {
	u.start("--health", "exec:true", "--health-interval", "20ms/2", "--", "sleeper", "ready")
	pid := u.pid("ready")
	u.take(u.cmd.Process.Pid)
	u.await("five checks that cannot be made", func() bool { return u.said(`level=WARN msg="check not made"`) >= 5 })
	if u.said("unhealthy") > 0 || !lab.Running(pid) {
		u.Error("it was called unhealthy")
	}
	u.ends(syscall.SIGTERM)
	u.gone(pid)
}
