//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// scene is the cell in one state.
type scene struct {
	call    call
	meant   meant
	program string
	fixture *exec.Cmd // what runs before the call
	reaped  chan struct{}
	zombie  bool
}

func (s *scene) try(state, program string) (text, said string, err error) {
	if err := s.set(state); err != nil {
		return "", "", err
	}
	defer s.clear()
	o := order{Forks: !s.meant.background && !s.meant.make}
	if !s.meant.make {
		o.PIDFile = s.meant.pidfile
	}
	line, _ := json.Marshal(o)
	if err := os.WriteFile(orders, line, 0o644); err != nil {
		return "", "", err
	}
	args := s.call.hurried("5")
	if state == "zombie" {
		args = s.call.hurried("1")
	}
	argv := append(commandOf(program), args...)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	out, err := os.Create("/said")
	if err != nil {
		return "", "", err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return "", "", err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	became := false
	for waiting := true; waiting; {
		select {
		case <-ended:
			waiting = false
		case <-time.After(2 * time.Millisecond):
			if _, err := os.Stat(filepath.Join(reports, fmt.Sprint(cmd.Process.Pid))); err == nil {
				waiting, became = false, true
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		text = "no end"
	case became:
		text = "becomes the program"
	default:
		text = fmt.Sprintf("%d", cmd.ProcessState.ExitCode())
	}
	effects, err := s.effects()
	words, _ := os.ReadFile("/said")
	return strings.Join(append([]string{text}, effects...), ", "), string(words), err
}

// set makes the state.
func (s *scene) set(state string) error {
	if err := errors.Join(os.RemoveAll(reports), os.Mkdir(reports, 0o777), os.Chmod(reports, 0o777)); err != nil {
		return err
	}
	s.fixture, s.zombie = nil, state == "zombie"
	path := s.program
	switch state {
	case "nothing":
		return nil
	case "stale":
		path = "/usr/sbin/stranger"
	}
	cmd := &exec.Cmd{Path: path, Args: append([]string{path}, s.meant.operands...), Dir: "/", Env: []string{role + "=fixture"}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if uid, ok := s.owner(); ok && state != "stale" {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	for {
		if _, err := os.Stat(filepath.Join(reports, fmt.Sprint(pid))); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	s.fixture, s.reaped = cmd, make(chan struct{})
	switch state {
	case "zombie":
		if err := cmd.Process.Kill(); err != nil {
			return err
		}
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			return err
		}
	case "dead":
		cmd.Process.Kill()
		cmd.Wait()
		s.fixture = nil
	default:
		go func(reaped chan struct{}) { cmd.Wait(); close(reaped) }(s.reaped)
	}
	if s.meant.pidfile == "" {
		return nil
	}
	file := s.meant.pidfile
	if err := os.WriteFile(file, fmt.Appendln(nil, pid), 0o644); err != nil {
		return err
	}
	switch state {
	case "stale":
		then := time.Date(2001, 1, 1, 12, 0, 0, 0, time.UTC)
		return os.Chtimes(file, then, then)
	case "reused":
		then := time.Now().Add(-time.Minute)
		return os.Chtimes(file, then, then)
	case "foreign":
		return os.Chown(file, 1, 1)
	}
	return nil
}

// owner is whom the program runs as in the end, by the call.
func (s *scene) owner() (uint32, bool) {
	name := s.meant.user
	if name == "" {
		name, _, _ = strings.Cut(s.meant.chuid, ":")
	}
	if name == "" {
		return 0, false
	}
	text, _ := os.ReadFile("/etc/passwd")
	for line := range strings.Lines(string(text)) {
		f := strings.Split(line, ":")
		if n, err := strconv.Atoi(f[2]); err == nil && (f[0] == name || f[2] == name) {
			return uint32(n), true
		}
	}
	n, err := strconv.Atoi(name)
	return uint32(n), err == nil
}
