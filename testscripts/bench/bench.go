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

	"pidbox/testscripts/lab"
)

// bench is a directory with the binaries that are compared, and the processes that are to end with it.
type bench struct {
	dir     string
	files   string // for pidfiles: not below a directory that everybody can write, which some tools refuse
	pidbox  string
	fixture string
	hello   string
	count   int
	crowd   []*exec.Cmd
}

func newBench(pidbox string) (*bench, error) {
	pidbox, err := filepath.Abs(pidbox)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(pidbox); err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir() // not below /tmp, from where daemon(1) runs nothing for root
	if err == nil {
		err = os.MkdirAll(cache, 0o700)
	}
	if err != nil {
		cache = ""
	}
	dir, err := os.MkdirTemp(cache, "bench")
	if err != nil {
		return nil, err
	}
	files, err := os.MkdirTemp("/run", "bench")
	if err != nil {
		files = dir
	}
	l := &bench{dir: dir, files: files, pidbox: pidbox, fixture: dir + "/fixture", hello: dir + "/hello"}
	if err := os.Mkdir(dir+"/bin", 0o755); err != nil {
		return nil, err
	}
	for _, argv := range [][]string{
		{"gcc", "-O2", "-static", "-o", l.fixture, "testscripts/bench/fixture/fixture.c"},
		{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", l.hello, "./testscripts/bench/hello"},
		{pidbox, "--install", "--drop-ins", dir + "/bin"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%q: %w\n%s", argv, err, out)
		}
	}
	return l, nil
}

func (l *bench) close() {
	for _, c := range l.crowd {
		c.Process.Kill()
		c.Wait()
	}
	os.RemoveAll(l.dir)
	os.RemoveAll(l.files)
}

func (l *bench) applet(name string) string { return l.dir + "/bin/" + name }

func (l *bench) has(tool string) bool {
	_, err := lab.LookPath(tool)
	return err == nil
}

// file is a new name for a pidfile or the like.
func (l *bench) file(kind string) string {
	l.count++
	return fmt.Sprintf("%s/%d.%s", l.files, l.count, kind)
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
	path, err := lab.LookPath(argv[0])
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

// Machine is what the numbers depend on.
type Machine struct {
	CPU, Kernel, Go, Date, Load string
	Cores                       int
	Peers                       []string // packages, with their versions
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, Linux %s, %s, %s; load before it %s", m.CPU, m.Cores, m.Kernel, m.Go, m.Date, m.Load)
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
	for _, name := range strings.Fields("dpkg busybox daemonize daemon runit s6 supervisor util-linux curl wait-for-it") {
		if version, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output(); err == nil && len(version) > 0 {
			m.Peers = append(m.Peers, name+" "+string(version))
		}
	}
	return m
}

// faulted is how many page faults the children that have ended had.
func faulted() int {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_CHILDREN, &r) // cannot fail
	return int(r.Minflt)
}
