//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// effects is what came of the call, once all that it started is up and all that it sent has arrived.
func (s *scene) effects() (list []string, err error) {
	known := 0
	if s.fixture != nil {
		known = s.fixture.Process.Pid
	}
	var started []int
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		started = nil
		all := true
		for _, pid := range others() {
			if pid == known {
				continue
			}
			started = append(started, pid)
			_, err := os.Stat(filepath.Join(reports, fmt.Sprint(pid)))
			all = all && err == nil
		}
		if all || time.Now().After(deadline) {
			break
		}
	}
	if s.fixture != nil && !s.zombie {
		list = append(list, s.heard())
	}
	for _, pid := range started {
		text, err := os.ReadFile(filepath.Join(reports, fmt.Sprint(pid)))
		var r report
		if err != nil || json.Unmarshal(text, &r) != nil {
			list = append(list, fmt.Sprintf("something runs (%v)", err))
			continue
		}
		list = append(list, "started "+r.String())
	}
	if file := s.meant.pidfile; file != "" {
		text, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		switch {
		case errors.Is(err, os.ErrNotExist):
			list = append(list, "no pidfile")
		case slices.Contains(started, pid):
			list = append(list, "pidfile of the new one")
		case len(text) == 0:
			list = append(list, "empty pidfile")
		default:
			list = append(list, "pidfile as it was")
		}
	}
	return list, nil
}

// heard is what the process that ran before got to hear.
func (s *scene) heard() string {
	pid := s.fixture.Process.Pid
	name := filepath.Join(reports, fmt.Sprint(pid)) + ".heard"
	_ = unix.Kill(pid, barrier) // it may have ended
	for lab.Running(pid) {
		if text, _ := os.ReadFile(name); slices.Contains(strings.Fields(string(text)), fmt.Sprint(int(barrier))) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	rest(pid) // another of its threads may be at what was sent before the barrier
	text, _ := os.ReadFile(name)
	var got []string
	for _, number := range strings.Fields(string(text)) {
		n, _ := strconv.Atoi(number)
		if n != int(barrier) {
			got = append(got, strings.TrimPrefix(unix.SignalName(syscall.Signal(n)), "SIG"))
		}
	}
	if len(got) > 1 { // what ends by the first may not hear a CONT that follows at once
		got = slices.DeleteFunc(got, func(name string) bool { return name == "CONT" })
	}
	switch running := lab.Running(pid); {
	case len(got) > 0:
		return "it gets " + strings.Join(got, " ")
	case !running:
		return "it gets KILL"
	}
	return "it is left alone"
}

// rest waits until a process has dealt with what it was sent: none of its threads has a signal, or ran between two looks.
func rest(pid int) {
	for before := ""; lab.Running(pid); time.Sleep(time.Millisecond) {
		now := still(pid)
		if now != "" && now == before {
			return
		}
		before = now
	}
}

// still is how often each thread of a process has slept, or "" while one runs or has a signal.
func still(pid int) (slept string) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch value = strings.TrimSpace(value); name {
			case "State":
				if value[0] != 'S' {
					return ""
				}
			case "SigPnd", "ShdPnd":
				if strings.Trim(value, "0") != "" {
					return ""
				}
			case "Pid", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches":
				slept += value + " "
			}
		}
	}
	return slept
}

// others are the processes of this namespace but for its init, this one and zombies.
func others() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if state := lab.State(pid); pid != 1 && pid != os.Getpid() && state != 0 && state != 'Z' && state != 'X' {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// clear ends all that is left.
func (s *scene) clear() {
	for pids := others(); len(pids) > 0; pids = others() {
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL) // all are of this namespace
		}
		time.Sleep(time.Millisecond)
	}
	if s.fixture != nil {
		if s.zombie {
			s.fixture.Wait()
		} else {
			<-s.reaped
		}
	}
	if s.meant.pidfile != "" {
		os.Remove(s.meant.pidfile)
	}
}

func (r report) String() string {
	text := fmt.Sprintf("%s by %d:%d%v in %s, umask %s, nice %s, home %s", strings.Join(r.Args, " "), r.UID, r.GID, r.Groups, r.Dir, r.Umask, r.Nice, r.Home)
	if r.Leader {
		text += ", leads a session"
	}
	if r.Quiet {
		text += ", streams of /dev/null"
	}
	return text
}
