//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the stub finds and leaves, in the root of a cell.
const (
	orders  = "/orders"
	reports = "/reports"
	role    = "DROPINS_STUB"
	barrier = syscall.Signal(35) // delivered after all others
)

// order is how a program that start-stop-daemon starts has to behave.
type order struct {
	Forks   bool   // it goes to the background by itself
	PIDFile string // which it then writes
}

// report is what a started program finds itself to be.
type report struct {
	PID, UID, GID           int
	Groups, Args            []string
	Dir, Umask, Nice        string
	Leader, Terminal, Quiet bool // of its session; has it a terminal; are its streams /dev/null
	Home                    string
}

// stub is the program that all calls start: it reports itself, and then each signal.
func stub() {
	heard := make(chan os.Signal, 32)
	signal.Notify(heard, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM,
		syscall.SIGALRM, syscall.SIGWINCH, syscall.SIGCONT, barrier)
	time.AfterFunc(2*time.Minute, func() { os.Exit(3) })
	var o order
	if text, err := os.ReadFile(orders); err == nil {
		_ = json.Unmarshal(text, &o) // a broken one is seen by what it does not do
	}
	if o.Forks && os.Getenv(role) == "" {
		background()
		return
	}
	me := report{
		PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid(), Args: os.Args, Umask: field("Umask"), Groups: strings.Fields(field("Groups")),
		Home: os.Getenv("HOME"),
	}
	me.Dir, _ = os.Getwd()
	if n, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		me.Nice = fmt.Sprint(20 - n)
	}
	sid, _ := unix.Getsid(0)
	me.Leader = sid == me.PID
	if fd, err := unix.Open("/dev/tty", unix.O_RDWR, 0); err == nil {
		me.Terminal = true
		unix.Close(fd)
	}
	me.Quiet = true
	for fd := range 3 {
		to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		me.Quiet = me.Quiet && to == os.DevNull
	}
	if o.Forks && o.PIDFile != "" {
		_ = os.WriteFile(o.PIDFile, fmt.Appendln(nil, me.PID), 0o644) // as far as its user can
	}
	text, _ := json.Marshal(me)
	name := filepath.Join(reports, fmt.Sprint(me.PID))
	_ = os.WriteFile(name+".new", text, 0o666)
	_ = os.Rename(name+".new", name)
	for s := range heard {
		number := int(s.(syscall.Signal))
		f, err := os.OpenFile(name+".heard", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			os.Exit(4)
		}
		fmt.Fprintln(f, number)
		f.Close()
		switch s {
		case syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGALRM:
			os.Exit(0)
		}
	}
}

// background is what a daemon does that forks: its parent ends once it is up.
func background() {
	child := exec.Command("/proc/self/exe")
	child.Args, child.Env = os.Args, append(os.Environ(), role+"=1")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		os.Exit(5)
	}
	for {
		if _, err := os.Stat(filepath.Join(reports, fmt.Sprint(child.Process.Pid))); err == nil {
			os.Exit(0)
		}
		time.Sleep(time.Millisecond)
	}
}

func field(name string) string {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
