//go:build linux

package lab

import (
	"bufio"
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

// The fixtures. Each ends by itself after a time.
const (
	Plain     = "plain"    // sleeps, and says the id of a thread of it that is not the first
	Resistant = "stubborn" // ignores TERM
	Parent    = "parent"   // has a child that is a zombie, and says its number
	Leaver    = "leaver"   // leads a process group, and at TERM moves to that of its parent; it ends at KILL only
	Owner     = "owner"    // started as PROGRAM LOCK WRONGS by a tool: holds the lock for life, or writes to wrongs that it could not
)

// As is the variable that makes this program that fixture.
func As(kind string) string { return roleVar + "=" + kind }

// FixtureLife is how long a fixture lives at most.
const FixtureLife = 30 * time.Minute

// Fixture starts this program as one of its fixtures. It is reaped at its end, as an init would.
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
	p := &Process{PID: cmd.Process.Pid, cmd: cmd, out: bufio.NewReader(out), gone: make(chan struct{})}
	line, err := p.out.ReadString('\n')
	go p.Reap()
	if err == nil {
		p.Number, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("fixture %s: %w", kind, err)
	}
	return p, nil
}

// FixtureAs is a Fixture that gets this number. It fails where others start processes all the time.
func FixtureAs(pid int, kind string) (p *Process, err error) {
	err = Force(pid, func() (int, error) {
		p, err = Fixture(kind)
		if err != nil {
			return 0, err
		}
		return p.PID, nil
	}, func() { p.Kill() })
	return p, err
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool { return Running(p.PID) }

// fixtureMain is a fixture's whole life.
func fixtureMain(kind string) {
	time.AfterFunc(FixtureLife, func() { os.Exit(0) })
	switch kind {
	case Plain:
	case Resistant:
		signal.Ignore(syscall.SIGTERM)
	case Parent:
		child := exec.Command("true")
		if err := child.Start(); err != nil {
			os.Exit(125)
		}
		for State(child.Process.Pid) != 'Z' {
			time.Sleep(time.Millisecond)
		}
		fmt.Println(child.Process.Pid)
		select {}
	case Leaver:
		leave()
	case Owner:
		own(os.Args[1], os.Args[2])
		select {}
	default:
		os.Exit(64)
	}
	id := otherThread()
	spareThreads(0) // it takes no number from now on
	fmt.Println(id)
	select {}
}

func leave() {
	home := unix.Getpgrp()
	if err := unix.Setpgid(0, 0); err != nil {
		os.Exit(125)
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		for range c {
			if err := unix.Setpgid(0, home); err != nil {
				os.Exit(125)
			}
		}
	}()
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
