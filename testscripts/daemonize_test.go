//go:build linux

package testscripts

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// What a daemon sees does not depend on who calls: it is compared with a process that the same caller starts.
func TestDaemonSees(t *testing.T) {
	t.Parallel()
	ash := filepath.Join(t.TempDir(), "ash")
	if busybox, err := exec.LookPath("busybox"); err != nil {
		missing(t, "busybox")
	} else if err := os.Symlink(busybox, ash); err != nil {
		t.Fatal(err)
	}
	for name, caller := range map[string][]string{
		"dash":        {"dash", "caller"},
		"bash":        {"bash", "caller"},
		"ash":         {ash, "caller"},
		"nohup":       {"nohup", "sh", "caller"},
		"cron":        {"env", "-i", "PATH=" + os.Getenv("PATH"), "LOGNAME=root", "sh", "caller"},
		"interactive": {"script", "-qec", "bash -i caller", "/dev/null"},
		"leader":      {"setsid", "-w", "sh", "caller"},
		"ignoring":    {"sh", "-c", "trap '' HUP INT QUIT PIPE TERM CHLD USR1 TSTP; exec sh caller"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(caller[0]); err != nil {
				missing(t, caller[0])
			}
			dir := t.TempDir()
			text := "umask 027\nulimit -S -n 500\nexec 7</dev/null 8>leaked\nsleep infinity >/dev/null 2>&1 &\necho $! >control\n" +
				"daemonize -p daemon sleep infinity >printed\necho $? >status\n"
			if err := os.WriteFile(filepath.Join(dir, "caller"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(caller[0], caller[1:]...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			control, daemon := number(t, dir, "control"), number(t, dir, "daemon")
			t.Cleanup(func() {
				syscall.Kill(control, syscall.SIGKILL)
				syscall.Kill(daemon, syscall.SIGKILL)
			})
			if err != nil || number(t, dir, "status") != 0 || number(t, dir, "printed") != daemon {
				t.Fatalf("%v\n%s", err, out)
			}
			eventually(t, "the control's exec", func() bool {
				return seen(t, control, "comm") == "sleep" && ofProcess(t, control, "environ") != ""
			})
			eventually(t, "the end of the exec, and of the loader's descriptors", func() bool {
				return seen(t, daemon, "comm") == "sleep" && ofProcess(t, daemon, "environ") != "" && seen(t, daemon, "fds") == "0,1,2"
			})
			want := map[string]string{
				"comm": "sleep", "tty": "0", "cwd": "/", "umask": "0027", "fd0": "/dev/null", "fd1": "/dev/null",
				"fd2": "/dev/null", "blocked": strings.Repeat("0", 16), "ignored": strings.Repeat("0", 16),
				"caught": strings.Repeat("0", 16), "limit.open": "500",
			}
			if inNamespace() {
				want["ppid"] = "1"
			}
			for _, key := range []string{"nice", "uid", "gid", "groups", "oom", "nonewprivs", "caps"} {
				want[key] = seen(t, control, key)
			}
			for key, value := range want {
				if got := seen(t, daemon, key); got != value {
					t.Errorf("%s is %q, not %q", key, got, value)
				}
			}
			if sid := seen(t, daemon, "sid"); sid == strconv.Itoa(daemon) || sid == seen(t, control, "sid") || seen(t, daemon, "pgid") != strconv.Itoa(daemon) {
				t.Errorf("process %d is in session %s and group %s", daemon, sid, seen(t, daemon, "pgid"))
			}
			for _, file := range []string{"environ", "limits"} {
				if got, want := ofProcess(t, daemon, file), ofProcess(t, control, file); got != want {
					t.Errorf("%s is\n%s\nnot\n%s", file, got, want)
				}
			}
		})
	}
}

func number(t *testing.T, dir, file string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	n, err2 := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || err2 != nil {
		t.Errorf("%s: %q, %v", file, text, err)
	}
	return n
}

func seen(t *testing.T, pid int, key string) string {
	t.Helper()
	value, err := property(pid, key)
	if err != nil {
		t.Error(err)
	}
	return value
}

// ofProcess is a file of a process, less the variables that bash changes from one command to the next.
func ofProcess(t *testing.T, pid int, file string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.ReplaceAll(string(text), "\x00", "\n"), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool {
		return strings.HasPrefix(s, "_=") || strings.HasPrefix(s, "SHLVL=")
	}), "\n")
}

// At each return of 200 starts the pidfile is whole and names a process that has executed the command.
func TestStartsInARow(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err == nil {
		sleep, err = filepath.EvalSymlinks(sleep)
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "web.pid")
	for i := range 200 {
		status, printed := applet("daemonize", "-p", file, "sleep", "infinity")
		text, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(strings.TrimSpace(printed))
		if status != 0 || err != nil || string(text) != printed || pid == 0 {
			t.Fatalf("start %d: status %d, printed %q, pidfile %q, %v", i, status, printed, text, err)
		}
		exe := seen(t, pid, "exe") // its name is set a little later
		syscall.Kill(pid, syscall.SIGKILL)
		if filepath.Base(exe) != filepath.Base(sleep) {
			t.Fatalf("start %d: process %d is %s", i, pid, exe)
		}
		eventually(t, "the end of the daemon", func() bool { return !lab.Running(pid) })
	}
}

// A server that forgets its first caller, as one whose backlog outlived its worker, is asked again.
func TestReadyAfterSilence(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		forgotten, err := l.Accept()
		if err != nil {
			return
		}
		defer forgotten.Close()
		http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // ends with l
	}()
	t.Cleanup(func() { l.Close() })
	status, printed := applet("daemonize", "--ready-shared", "--ready-url", "http://"+l.Addr().String(), "sleep", "infinity")
	pid, _ := strconv.Atoi(strings.TrimSpace(printed))
	if status != 0 || pid == 0 {
		t.Fatalf("status %d, %q", status, printed)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, "the end of the daemon", func() bool { return !lab.Running(pid) })
}

// Of a hundred starts at once one wins, and the others start nothing.
func TestStartsAtOnce(t *testing.T) {
	t.Parallel()
	const starts = 100
	dir := t.TempDir()
	file, log := filepath.Join(dir, "web.pid"), filepath.Join(dir, "log")
	var statuses [starts]int
	var printed [starts]string
	var all sync.WaitGroup
	for i := range starts {
		all.Go(func() {
			statuses[i], printed[i] = applet("daemonize", "-p", file, "-o", log, "sh", "-c", "echo $$; exec sleep infinity")
		})
	}
	all.Wait()
	winner := slices.Index(statuses[:], 0)
	if winner < 0 {
		t.Fatalf("nobody won: %s", printed[0])
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(printed[winner]))
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	for i, status := range statuses {
		if i != winner && status != 1 && status != 75 { // 75: gave up waiting for the lock, on a slow machine
			t.Errorf("status %d: %s", status, printed[i])
		}
	}
	eventually(t, "the daemon's word", func() bool { text, _ := os.ReadFile(log); return len(text) > 0 })
	for _, name := range []string{file, log} {
		if text, err := os.ReadFile(name); err != nil || string(text) != printed[winner] {
			t.Errorf("%d won, %s says %q (%v)", pid, name, text, err)
		}
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Killed with SIGKILL at any moment of a start, daemonize leaves a daemon with a pidfile that names it, or no daemon and
// no pidfile that names anybody who lives; and no lock either way but the daemon's own.
func TestKilledWhileStarting(t *testing.T) {
	t.Parallel()
	const rounds = 300
	s := &stressed{t, t.TempDir()}
	t.Cleanup(s.clear)
	var usual time.Duration
	for range 5 {
		began := time.Now()
		if out, err := s.command().CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		usual += time.Since(began) / 5
		if !s.settled() {
			t.Fatal("daemonize succeeded, and there is no daemon")
		}
		s.clear()
	}
	whole := 0
	for range rounds {
		cmd := s.command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(usual))
		cmd.Process.Kill()
		cmd.Wait()
		if s.settled() {
			whole++
		}
		s.clear()
	}
	t.Logf("%d of %d starts got as far as a daemon, killed within %v", whole, rounds, usual)
}

// stressed is a directory with a pidfile and a lock, for starts that are killed.
type stressed struct {
	*testing.T
	dir string
}

func (s *stressed) file() string { return filepath.Join(s.dir, "web.pid") }
func (s *stressed) lock() string { return filepath.Join(s.dir, "lock") }

func (s *stressed) command() *exec.Cmd {
	cmd := exec.Command("daemonize", "-p", s.file(), "-l", s.lock(), "-o", filepath.Join(s.dir, "log"), "sleep", "infinity")
	cmd.Env = append(os.Environ(), marker+"="+s.dir)
	return cmd
}

// left is who came of the starts. In the middle of its exec a process cannot be told for one of them.
func (s *stressed) left() []int {
	return slices.DeleteFunc(lab.PIDs(), func(pid int) bool { return !marked(pid, s.dir) })
}

// settled waits until there is a daemon with its pidfile and its lock, or nobody and nothing, and tells which.
func (s *stressed) settled() bool {
	state, daemon := "", false
	defer func() {
		if s.Failed() {
			s.Log(state)
		}
	}()
	eventually(s.T, "a daemon with its pidfile and lock, or nobody and nothing", func() bool {
		left := s.left()
		text, _ := os.ReadFile(s.file())
		named, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		state = fmt.Sprintf("left are %d, the pidfile says %q, locked are %v and %v", left, text, locked(s.T, s.dir), locked(s.T, s.lock()))
		daemon = len(left) == 1
		switch {
		case locked(s.T, s.dir) || len(left) > 1:
			return false
		case daemon:
			return strings.HasPrefix(describe(left[0]), fmt.Sprintf("%d sleep ", left[0])) && named == left[0] && locked(s.T, s.lock())
		}
		return (named == 0 || !lab.Running(named)) && !locked(s.T, s.lock())
	})
	return daemon
}

// clear ends who is left and removes the pidfile.
func (s *stressed) clear() {
	eventually(s.T, "the end of all", func() bool {
		for _, pid := range s.left() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(s.left()) == 0 && !locked(s.T, s.lock())
	})
	os.Remove(s.file())
}

func locked(t *testing.T, path string) bool {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return false
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// A real nginx in the foreground is ready when it answers, and a real redis, HAProxy and gunicorn when they say so.
func TestRealDaemons(t *testing.T) {
	t.Parallel()
	address, dir := freeAddress(), t.TempDir()
	os.Chmod(filepath.Dir(dir), 0o755)
	os.Chmod(dir, 0o755)
	in := func(name string) string { return filepath.Join(dir, name) }
	config := fmt.Sprintf("daemon off;\npid %s;\nerror_log stderr;\nevents {}\nhttp { access_log off; client_body_temp_path %s;\n"+
		"proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;\nserver { listen %s; return 200 fine; } }\n",
		in("own.pid"), in("a"), in("b"), in("c"), in("d"), in("e"), address)
	if err := os.WriteFile(in("nginx.conf"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"haproxy.cfg": "defaults\nmode http\ntimeout connect 1s\ntimeout client 1s\ntimeout server 1s\nfrontend f\nbind unix@" +
			in("haproxy.socket") + "\nhttp-request return status 200\n",
		"app.py": "def app(environ, start):\n    start('200 OK', [])\n    return [b'fine']\n",
	} {
		if err := os.WriteFile(in(file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, words := range map[string][]string{
		"haproxy":      {"--notify-await", "haproxy", "-Ws", "-f", in("haproxy.cfg")},
		"gunicorn":     {"--notify-await", "gunicorn", "--chdir", dir, "--bind", "unix:" + in("gunicorn.socket"), "app:app"},
		"nginx":        {"--ready-url", "http://" + address + "/", "nginx", "-c", in("nginx.conf")},
		"redis-server": {"--notify-await", "redis-server", "--port", "0", "--unixsocket", in("redis-server.socket"), "--dir", dir, "--save", "", "--supervised", "systemd"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				missing(t, name)
			}
			file := in(name + ".pid")
			if status, said := applet("daemonize", append([]string{"-p", file, "-o", in("log"), "-e", in("log")}, words...)...); status != 0 {
				t.Fatalf("status %d: %s", status, said)
			}
			if name == "nginx" {
				if own, pid := number(t, dir, "own.pid"), number(t, dir, "nginx.pid"); own != pid {
					t.Errorf("nginx says that it is %d, the pidfile %d", own, pid)
				}
			} else if conn, err := net.Dial("unix", in(name+".socket")); err != nil {
				t.Error(err)
			} else {
				conn.Close()
			}
			for _, step := range [][]string{{"pid-alive", "-p", file}, {"pid-kill", "-p", file}} {
				if status, said := applet(step[0], step[1:]...); status != 0 {
					t.Errorf("%v: status %d: %s", step, status, said)
				}
			}
			if status, _ := applet("pid-alive", "-p", file, "-q"); status != 3 {
				t.Errorf("after pid-kill pid-alive says %d", status)
			}
		})
	}

	// A second nginx finds the port taken, and says so.
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if _, err := exec.LookPath("nginx"); err == nil {
		status, said := applet("daemonize", "-p", in("second.pid"), "-e", in("second"), "--ready-url", "tcp://127.0.0.1:1", "nginx", "-c", in("nginx.conf"))
		if status != 3 || !strings.Contains(said, "bind() to "+address+" failed") {
			t.Errorf("status %d: %s", status, said)
		}
	}
}
