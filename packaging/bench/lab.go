//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lab is a directory with the binaries that are compared, and the processes that are to end with it.
type lab struct {
	dir     string
	pidbox  string
	fixture string
	hello   string
	count   int
}

func newLab(pidbox string) (*lab, error) {
	pidbox, err := filepath.Abs(pidbox)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(pidbox); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, pidbox: pidbox, fixture: dir + "/fixture", hello: dir + "/hello"}
	if err := os.Mkdir(dir+"/bin", 0o755); err != nil {
		return nil, err
	}
	for _, argv := range [][]string{
		{"gcc", "-O2", "-static", "-o", l.fixture, "packaging/bench/fixture/fixture.c"},
		{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", l.hello, "./packaging/bench/hello"},
		{pidbox, "--install", dir + "/bin"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%q: %w\n%s", argv, err, out)
		}
	}
	return l, nil
}

func (l *lab) close() { os.RemoveAll(l.dir) }

func (l *lab) applet(name string) string { return l.dir + "/bin/" + name }

func (l *lab) has(tool string) bool {
	_, err := lookPath(tool)
	return err == nil
}

// lookPath finds administrators' tools too.
func lookPath(tool string) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		path := filepath.Join(dir, tool)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: not found", tool)
}

// file is a new name in the lab's directory.
func (l *lab) file(kind string) string {
	l.count++
	return fmt.Sprintf("%s/%d.%s", l.dir, l.count, kind)
}

// now is CLOCK_MONOTONIC in nanoseconds, the clock of the stamps.
func now() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
	return ts.Nano()
}

func ms(nanoseconds int64) float64 { return float64(nanoseconds) / 1e6 }

// timed runs a command and is the time from before its fork until its end is known, in milliseconds. A status other than
// those allowed is an error.
func timed(allowed []int, argv ...string) (float64, error) {
	path, err := lookPath(argv[0])
	if filepath.IsAbs(argv[0]) {
		path, err = argv[0], nil
	}
	if err != nil {
		return 0, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	start := now()
	p, err := os.StartProcess(path, argv, &os.ProcAttr{Files: []*os.File{null, null, null}, Env: os.Environ()})
	if err != nil {
		return 0, err
	}
	state, err := p.Wait()
	took := ms(now() - start)
	if err != nil {
		return 0, err
	}
	for _, status := range allowed {
		if state.ExitCode() == status {
			return took, nil
		}
	}
	return 0, fmt.Errorf("%q: %v", argv, state)
}

var ok = []int{0}

// stamps are the times in a stamp file, waiting until there are n of them.
func stamps(file string, n int) ([]int64, error) {
	for deadline := time.Now().Add(30 * time.Second); ; {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		lines := strings.Fields(string(text))
		if len(lines) >= n && strings.HasSuffix(string(text), "\n") {
			var times []int64
			for _, line := range lines {
				t, err := strconv.ParseInt(line, 10, 64)
				if err != nil {
					return nil, err
				}
				times = append(times, t)
			}
			return times, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s: %d stamps instead of %d", file, len(lines), n)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// pidOf waits until a pidfile is complete.
func pidOf(file string) (int, error) {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Microsecond) {
		text, err := os.ReadFile(file)
		if pid, e := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && e == nil && pid > 0 {
			return pid, nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%s: no PID in it: %q, %v", file, text, err)
		}
	}
}

// end kills a process which this program caused to be started, and waits until it is gone.
func end(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Machine is what the numbers depend on.
type Machine struct {
	CPU, Kernel, Go, Date, Load string
	Cores                       int
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, Linux %s, %s, %s", m.CPU, m.Cores, m.Kernel, m.Go, m.Date)
}

func machine() Machine {
	var u unix.Utsname
	unix.Uname(&u)
	m := Machine{Kernel: unix.ByteSliceToString(u.Release[:]), Go: runtime.Version(), Cores: runtime.NumCPU(), Date: time.Now().UTC().Format("2006-01-02"), CPU: "unknown processor"}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for _, line := range strings.Split(string(text), "\n") {
			if name, found := strings.CutPrefix(line, "model name"); found {
				m.CPU = strings.TrimLeft(name, "\t :")
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	return m
}
