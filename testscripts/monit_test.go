//go:build linux

package testscripts

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

// A real Monit controls a real nginx through a script as BOSH's jobs have them, and the service comes and goes as told,
// whatever happened to its pidfile and its processes.
func TestMonit(t *testing.T) {
	for _, tool := range []string{"monit", "nginx"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	if !alone(t) {
		return
	}
	m := newMonit(t)

	// At its first start it finds a pidfile of before the reboot that names a live stranger, whom it takes for the
	// service: Monit knows the number only. The stop removes the file, and leaves the stranger alone.
	stranger := start(t)
	m.applet(0, "pid-claim", "--pid", strconv.Itoa(stranger.pid), "-p", m.pidfile)
	if err := forgeRecord(m.pidfile, "boot=00000000-0000-4000-8000-000000000000"); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.tell("stop")
	m.stopped("stop of a stranger")
	m.tell("start")
	first := m.serving("start")
	if !stranger.alive() {
		t.Fatal("the stranger in the stale pidfile was killed")
	}
	m.applet(0, "pid-alive", "-p", m.pidfile)

	m.tell("restart")
	second := m.serving("restart", first...)

	// Without their master the workers would keep the port, and no other nginx could have it.
	syscall.Kill(second[0], syscall.SIGKILL)
	third := m.serving("kill -9 of the master", second...)

	m.tell("stop")
	m.stopped("stop", third...)

	m.tell("start")
	fourth := m.serving("start", third...)

	// While nobody looks the master's number becomes another's.
	m.process.Signal(syscall.SIGSTOP)
	for _, pid := range fourth {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	m.gone("kill -9 of all", fourth...)
	innocent, err := startAs(fourth[0], func() *exec.Cmd { return exec.Command("sleep", "300") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { innocent.Process.Kill(); innocent.Wait() })
	m.process.Signal(syscall.SIGCONT)
	m.tell("stop")
	m.stopped("stop with a reused number")
	if !lab.Running(innocent.Process.Pid) || !stranger.alive() {
		t.Fatal("an innocent process was killed")
	}
}

// monit is a Monit that controls nginx.
type monit struct {
	*testing.T
	dir, pidfile, config string
	process              *os.Process
	said                 *os.File
}

const ctl = `#!/bin/sh
PATH=%[2]s
exec >>%[1]s/ctl.log 2>&1
case $1 in
start)
	pid-kill --group --pid-file %[1]s/run/nginx.pid || exit
	pid-claim --pid "$$" --pid-file %[1]s/run/nginx.pid || exit
	exec nginx -p %[1]s -c nginx.conf -e nginx.log
	;;
stop)
	exec pid-kill --show-stacks --group --pid-file %[1]s/run/nginx.pid
	;;
esac
`

const nginxConf = `
daemon off;
worker_processes 2;
pid nginx.own;
error_log nginx.log;
events {}
http {
	access_log off;
	server { listen 127.0.0.1:8080; location / { return 200 fine; } }
}
`

// Later Monits than BOSH's (5.2.5) wait for the end of a start program, and kill one that has become the service.
const monitrc = `
set daemon 1
set log %[1]s/monit.log
set pidfile %[1]s/monit.pid
set idfile %[1]s/monit.id
set statefile %[1]s/monit.state
set httpd unixsocket %[1]s/monit.sock allow admin:pass
check process nginx with pidfile %[1]s/run/nginx.pid
	start program "/usr/bin/setsid --fork %[1]s/ctl start" with timeout 60 seconds
	stop program "%[1]s/ctl stop" with timeout 10 seconds
`

func newMonit(t *testing.T) *monit {
	dir := t.TempDir()
	m := &monit{T: t, dir: dir, pidfile: dir + "/run/nginx.pid", config: dir + "/monitrc"}
	for name, text := range map[string]string{
		"ctl":        fmt.Sprintf(ctl, dir, os.Getenv("PATH")+":/usr/sbin:/usr/bin:/sbin:/bin"),
		"nginx.conf": nginxConf,
		"monitrc":    fmt.Sprintf(monitrc, dir),
	} {
		mode := os.FileMode(0o600) // what Monit demands of its file
		if name == "ctl" {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if m.said, err = os.Create(filepath.Join(dir, "monit.out")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.said.Close()
		if !t.Failed() {
			return
		}
		for _, log := range []string{"monit.out", "monit.log", "ctl.log", "nginx.log"} {
			text, _ := os.ReadFile(filepath.Join(dir, log))
			t.Logf("%s:\n%s", log, text)
		}
	})
	return m
}

// start starts Monit.
func (m *monit) start() {
	cmd := exec.Command("monit", "-c", m.config, "-I")
	cmd.Env, cmd.Dir = []string{}, m.dir
	cmd.Stdout, cmd.Stderr = m.said, m.said
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	m.process = cmd.Process
	m.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		applet("pid-kill", "--group", "-p", m.pidfile)
	})
}

// tell hands Monit an order, again while it does not listen yet.
func (m *monit) tell(order string) {
	m.until(order+" is understood", func() string {
		status, said := applet("monit", "-c", m.config, order, "nginx")
		if status != 0 {
			return said
		}
		return ""
	})
}

// serving waits until the service answers and consists of new processes only, and returns them, the master first.
func (m *monit) serving(after string, old ...int) (pids []int) {
	m.until("serving after "+after, func() string {
		if _, err := httpGet("http://127.0.0.1:8080/"); err != nil {
			return err.Error()
		}
		master, err := readPID(m.pidfile)
		if err != nil {
			return err.Error()
		}
		pids = []int{master}
		for _, pid := range lab.PIDs() {
			name, _ := property(pid, "comm")
			if name != "nginx" || pid == master || !lab.Running(pid) {
				continue
			}
			if parent, _ := property(pid, "ppid"); parent != strconv.Itoa(master) {
				return fmt.Sprintf("%d is not a worker of %d", pid, master)
			}
			pids = append(pids, pid)
		}
		if len(pids) != 3 || slices.ContainsFunc(pids, func(pid int) bool { return slices.Contains(old, pid) }) {
			return fmt.Sprintf("processes %v, before them %v", pids, old)
		}
		return m.summary("OK")
	})
	return pids
}

// stopped waits until Monit has stopped the service and nothing is left of it.
func (m *monit) stopped(after string, old ...int) {
	m.until("stopped after "+after, func() string {
		if _, err := os.Lstat(m.pidfile); err == nil {
			return "the pidfile is still there"
		}
		return m.summary("Not monitored")
	})
	m.gone(after, old...)
	if _, err := httpGet("http://127.0.0.1:8080/"); err == nil {
		m.Fatalf("%s: something still answers", after)
	}
}

func (m *monit) gone(after string, old ...int) {
	m.until("the end of all processes after "+after, func() string {
		if i := slices.IndexFunc(old, lab.Running); i >= 0 {
			return describe(old[i])
		}
		return ""
	})
}

func (m *monit) summary(want string) string {
	_, said := applet("monit", "-c", m.config, "summary", "-B")
	for line := range strings.Lines(said) {
		if strings.Contains(line, "nginx") && strings.Contains(line, want) {
			return ""
		}
	}
	return said
}

// until waits for what Monit does in its own time; problem says what is still missing, or nothing.
func (m *monit) until(what string, problem func() string) {
	m.Helper()
	began := time.Now()
	for last := "?"; last != ""; time.Sleep(20 * time.Millisecond) {
		if last = problem(); last != "" && time.Since(began) > patience {
			m.Fatalf("%s: waited %v in vain; %s", what, patience, last)
		}
	}
	m.Logf("%s: %v", what, time.Since(began).Round(time.Millisecond))
}

func (m *monit) applet(want int, name string, args ...string) {
	m.Helper()
	if status, said := applet(name, args...); status != want {
		m.Fatalf("%s %q: status %d, want %d: %s", name, args, status, want, said)
	}
}

func httpGet(url string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", response.Status)
	}
	return string(text), err
}

func readPID(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
