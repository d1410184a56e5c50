//go:build linux

package lab

import (
	"bufio"
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

// Process is a child of this program that has said that it is ready. It is reaped at its end, as an init would.
type Process struct {
	Number int // what the fixture said: another thread's id, or its zombie's number

	cmd  *exec.Cmd
	gone chan struct{}
}

// The fixtures. Each ends by itself after a time.
const (
	Plain    = "plain"    // sleeps, and says the id of a thread of it that is not the first
	Stubborn = "stubborn" // ignores TERM
	Zombie   = "zombie"   // has a child that is one, and says its number
	Owner    = "owner"    // started as PROGRAM LOCK WRONGS by a tool: holds the lock for life, or writes to wrongs that it could not
)

// As is the variable that makes this program that fixture.
func As(kind string) string { return roleVar + "=" + kind }

// FixtureLife is how long a fixture lives at most.
const FixtureLife = 30 * time.Minute

// Fixture starts this program as one of its fixtures.
func Fixture(kind string, change ...func(*exec.Cmd)) (*Process, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), As(kind))
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
	p := &Process{cmd: cmd, gone: make(chan struct{})}
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		_ = cmd.Wait() // how it ended is no news
		close(p.gone)
	}()
	if err == nil {
		p.Number, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("fixture %s: %w", kind, err)
	}
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process and waits until it is reaped. Again, it does nothing.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.gone
}

// Gone is closed once the process is reaped.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Running reports whether the process has not ended.
func (p *Process) Running() bool { return Running(p.PID()) }

// fixtureMain is a fixture's whole life.
func fixtureMain(kind string) {
	time.AfterFunc(FixtureLife, func() { os.Exit(0) })
	switch kind {
	case Plain:
	case Stubborn:
		signal.Ignore(syscall.SIGTERM)
	case Zombie:
		child := exec.Command("true")
		if err := child.Start(); err != nil {
			os.Exit(125)
		}
		for State(child.Process.Pid) != 'Z' {
			time.Sleep(time.Millisecond)
		}
		fmt.Println(child.Process.Pid)
		select {}
	case Owner:
		own(os.Args[1], os.Args[2])
		select {}
	default:
		os.Exit(64)
	}
	fmt.Println(otherThread())
	select {}
}

// own takes the lock without waiting: a second owner gets none, and what it says is an O_APPEND write, whole.
func own(lock, wrongs string) {
	fd, err := unix.Open(lock, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err == nil {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil {
		return
	}
	if f, e := os.OpenFile(wrongs, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); e == nil {
		fmt.Fprintf(f, "a second owner, process %d: %s: %v\n", os.Getpid(), lock, err)
		f.Close()
	}
}

// otherThread is the id of a thread that is not the first and lives as long as the process.
func otherThread() int {
	ids := make(chan int)
	for {
		go func() {
			runtime.LockOSThread()
			ids <- unix.Gettid()
			select {}
		}()
		if id := <-ids; id != os.Getpid() {
			return id
		}
	}
}

// State is the letter of proc_pid_stat(5), 0 for no process.
func State(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return text[strings.LastIndexByte(string(text), ')')+2]
}

// Running reports whether a process of that number has not ended.
func Running(pid int) bool { s := State(pid); return s != 0 && s != 'Z' && s != 'X' }

// Reuse starts a fixture that gets this number. It fails where others start processes all the time.
func Reuse(pid int, kind string) (*Process, error) {
	for range 100 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			return nil, err
		}
		p, err := Fixture(kind)
		if err != nil {
			return nil, err
		}
		if p.PID() == pid {
			return p, nil
		}
		p.Kill()
	}
	return nil, fmt.Errorf("number %d was not to be had", pid)
}

// Pin is a process by a descriptor: it stays that process whoever has its number.
type Pin struct{ fd int }

// Hold pins the process of that number.
func Hold(pid int) (Pin, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	return Pin{fd}, os.NewSyscallError("pidfd_open", err)
}

// Kill ends the process and waits for that.
func (p Pin) Kill() error {
	if err := unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0); err != nil && err != unix.ESRCH {
		return os.NewSyscallError("pidfd_send_signal", err)
	}
	_, err := p.ended(-1)
	return err
}

// Ended reports whether the process has.
func (p Pin) Ended() bool {
	ended, err := p.ended(0)
	return ended && err == nil
}

func (p Pin) ended(timeout int) (bool, error) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, timeout)
		if err != unix.EINTR {
			return n > 0, os.NewSyscallError("poll", err)
		}
	}
}

// Close lets go of the process.
func (p Pin) Close() { unix.Close(p.fd) }

// End kills a process which this program caused to be started, and waits until it has ended.
func End(pid int) error {
	p, err := Hold(pid)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Kill()
}
