//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// scene is where one tool meets one fault.
type scene struct{ tool tool }

// result is how a command of the tool ended.
type result struct {
	status int // -1: a signal or no end
	text   string
}

// limit is far above what any of the operations takes.
const limit = 20 * time.Second

func (s *scene) do(argv []string, change ...func(*exec.Cmd)) result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	cmd.WaitDelay = time.Second
	for _, f := range change {
		f(cmd)
	}
	if cmd.Path == "" || !strings.Contains(cmd.Path, "/") {
		for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/bin/"} {
			if _, err := os.Stat(dir + argv[0]); err == nil {
				cmd.Path, cmd.Err = dir+argv[0], nil
				break
			}
		}
	}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return result{-1, fmt.Sprintf("%q did not end within %v", argv, limit)}
	}
	if cmd.ProcessState == nil {
		return result{-1, err.Error()}
	}
	return result{cmd.ProcessState.ExitCode(), string(out)}
}

// process is a child of the judge.
type process struct {
	*exec.Cmd
	tid int // of another thread
}

// fixture starts this program as one of its fixtures and waits until it says that it is ready.
func fixture(kind string, change ...func(*exec.Cmd)) (*process, error) {
	cmd := exec.Command("/proc/self/exe", "x")
	cmd.Env = append(os.Environ(), "FAULTS_FIXTURE="+kind)
	for _, f := range change {
		f(cmd)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("fixture %s: %w", kind, err)
	}
	tid, err := strconv.Atoi(strings.TrimSpace(line))
	return &process{cmd, tid}, err
}

// runFixture is the fixture's whole life; it ends by itself after a time.
func runFixture(kind string) {
	go func() { time.Sleep(2 * time.Minute); os.Exit(0) }()
	switch kind {
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	case "zombie": // its child is one
		child := exec.Command("true")
		if err := child.Start(); err != nil {
			os.Exit(1)
		}
		for state(child.Process.Pid) != 'Z' {
			time.Sleep(time.Millisecond)
		}
		fmt.Println(child.Process.Pid)
		select {}
	}
	tid := make(chan int)
	go func() {
		runtime.LockOSThread()
		tid <- unix.Gettid()
		select {}
	}()
	own := <-tid
	if own == os.Getpid() { // the first thread took it: the other one then
		go func() {
			runtime.LockOSThread()
			tid <- unix.Gettid()
			select {}
		}()
		own = <-tid
	}
	fmt.Println(own)
	select {}
}

// state is the letter of proc_pid_stat(5), 0 for no process.
func state(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return text[strings.LastIndexByte(string(text), ')')+2]
}

func running(pid int) bool { s := state(pid); return s != 0 && s != 'Z' && s != 'X' }

// ended says whether a child has ended by now, and reaps it then.
func (p *process) ended(within time.Duration) bool {
	for deadline := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		if !running(p.Process.Pid) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

func (p *process) kill() {
	p.Process.Kill()
	p.Wait()
}

// reuse has the next process get this number, and is that process.
func reuse(pid int, kind string) (*process, error) {
	for range 100 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			return nil, err
		}
		p, err := fixture(kind)
		if err != nil {
			return nil, err
		}
		if p.Process.Pid == pid {
			return p, nil
		}
		p.kill()
	}
	return nil, fmt.Errorf("number %d was not to be had", pid)
}

// claimed has the tool's own way of naming a process in a pidfile; tools without a claim find the number there.
func (s *scene) claimed(file string, pid int) error {
	if s.tool.claim != nil {
		if r := s.do(s.tool.claim(file, pid)); r.status != 0 {
			return fmt.Errorf("claim: %v", r)
		}
		return nil
	}
	return os.WriteFile(file, fmt.Appendln(nil, pid), 0o644)
}

// namedBy waits until a pidfile is there and names a running process.
func namedBy(file string) (int, error) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(file)
		pid, e := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && e == nil && running(pid) {
			return pid, nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("the pidfile holds %q (%v), which names no running process", text, err)
		}
	}
}

// sleepers are the daemons that run with this marker among their arguments.
func sleepers(marker string) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if text, err := os.ReadFile("/proc/" + e.Name() + "/cmdline"); err == nil && running(pid) && strings.HasPrefix(string(text), sleeperPath+"\x00") && strings.Contains(string(text), "\x00"+marker+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// sleeperPath is a program that takes and ignores a marker; it does not fork.
const sleeperPath = "/usr/bin/tail"

func sleeper(marker string) []string { return []string{sleeperPath, "-f", "/dev/null", marker} }

// settled is sleepers once their number has not changed for a while: some tools return before they have started.
func settled(marker string) []int {
	before := -1
	for same := 0; same < 10; same++ {
		if now := len(sleepers(marker)); now != before {
			before, same = now, 0
		}
		time.Sleep(30 * time.Millisecond)
	}
	return sleepers(marker)
}

func killAll(pids []int) {
	for _, pid := range pids {
		if p, err := os.FindProcess(pid); err == nil {
			p.Kill()
		}
		for running(pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

func missing(file string) error {
	if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there (%v)", file, err)
	}
	return nil
}
