//go:build linux

package testscripts

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// lifetime is when every fixture ends by itself, whatever went wrong around it.
const lifetime = scriptLimit

// fixtures are commands for scripts to claim, kill, detach and supervise. Where a file is given they write their PID
// to it, whole, once they are ready; lacking a record, it is a pidfile as other programs write it.
func fixtures() map[string]func() {
	return map[string]func(){
		"sleeper":  sleeper,
		"stubborn": stubborn,
		"forker":   forker,
		"flaky":    flaky,
		"zombie":   zombie,
		"as":       as,
		"with":     with,
		"locker":   locker,
		"deny":     deny,
		"killat":   killat,
		"herald":   herald,
		"dies":     dies,
		"server":   server,
		"toystore": toystore,
		"toyload":  toyload,
		"listens":  listens,
		"connect":  connect,
		"holdexec": holdexec,
	}
}

// sleeper [-for D] [-until FILE] [-status N] [READY]: waits, then exits with status N (0). Any signal ends it.
func sleeper() {
	limit := flag.Duration("for", lifetime, "")
	until := flag.String("until", "", "")
	status := flag.Int("status", 0, "")
	flag.Parse()
	ready(flag.Arg(0))
	wait(*limit, *until)
	os.Exit(*status)
}

// stubborn [-on SIG] [READY]: ignores every signal it may, appending the names to READY.log; -on SIG ends it.
func stubborn() {
	on := flag.String("on", "KILL", "")
	flag.Parse()
	c := make(chan os.Signal, 64)
	signal.Notify(c)
	ready(flag.Arg(0))
	end := time.After(lifetime)
	for {
		select {
		case s := <-c:
			name := strings.TrimPrefix(unix.SignalName(s.(syscall.Signal)), "SIG")
			if name == "URG" || name == "CHLD" || name == "CONT" { // the Go runtime's own, and harmless
				continue
			}
			if flag.NArg() > 0 {
				appendTo(flag.Arg(0)+".log", name+"\n")
			}
			if name == *on {
				os.Exit(0)
			}
		case <-end:
			os.Exit(0)
		}
	}
}

// forker [-n N] [-sessions|-groups] [-stubborn] READY: a leader with N children (2), each in a file READY.1, READY.2...; the
// children outlive it. With -sessions or -groups each child leads one of its own.
func forker() {
	n := flag.Int("n", 2, "")
	sessions := flag.Bool("sessions", false, "")
	groups := flag.Bool("groups", false, "")
	hard := flag.Bool("stubborn", false, "")
	flag.Parse()
	kind := "sleeper"
	if *hard {
		kind = "stubborn"
	}
	for i := range *n {
		file := fmt.Sprintf("%s.%d", flag.Arg(0), i+1)
		child := exec.Command(kind, file)
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: *sessions, Setpgid: *groups}
		if err := child.Start(); err != nil {
			fail(err)
		}
		go child.Wait()
		wait(lifetime, file)
	}
	ready(flag.Arg(0))
	wait(lifetime, "")
}

// flaky [-status N] [-for D] COUNT FAILURES [READY]: counts its runs in the file COUNT; the first FAILURES of them end
// at once (or after D) with status N (1), the next ones stay.
func flaky() {
	status := flag.Int("status", 1, "")
	limit := flag.Duration("for", 0, "")
	flag.Parse()
	text, _ := os.ReadFile(flag.Arg(0))
	run, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	failures, err := strconv.Atoi(flag.Arg(1))
	if err != nil {
		fail(err)
	}
	put(flag.Arg(0), strconv.Itoa(run+1))
	if run < failures {
		wait(*limit, "")
		os.Exit(*status)
	}
	ready(flag.Arg(2))
	wait(lifetime, "")
}

// zombie FILE: puts the PID of a child that has ended, and is not waited for, in FILE.
func zombie() {
	child := exec.Command("true")
	if err := child.Start(); err != nil {
		fail(err)
	}
	for lab.Running(child.Process.Pid) {
		time.Sleep(time.Millisecond)
	}
	put(os.Args[1], strconv.Itoa(child.Process.Pid))
	wait(lifetime, "")
}

func ready(file string) {
	if file != "" {
		put(file, strconv.Itoa(os.Getpid()))
	}
}

// put writes a line to a file that nobody ever sees half-written.
func put(file, line string) {
	tmp := filepath.Join(filepath.Dir(file), fmt.Sprintf(".%s.%d", filepath.Base(file), os.Getpid()))
	err := os.WriteFile(tmp, []byte(line+"\n"), 0o644)
	if err == nil {
		err = os.Rename(tmp, file)
	}
	if err != nil {
		fail(err)
	}
}

func appendTo(file, text string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		fail(err)
	}
}

// wait sleeps for a time, or until a file exists.
func wait(d time.Duration, file string) {
	if file == "" {
		time.Sleep(d)
		return
	}
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Lstat(file); err == nil {
			return
		}
	}
}
