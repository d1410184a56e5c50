//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"pidbox/testscripts/lab"
)

// gone says whether a process that was to be stopped has ended: some tools do not wait for that.
func gone(pid int) bool {
	for deadline := time.Now().Add(4 * time.Second); lab.Running(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// service runs a shell that has a trap for TERM, is named by the pidfile, and waits.
func (s *scene) service(trap string) (*lab.Process, error) {
	if err := directory(); err != nil {
		return nil, err
	}
	p, err := lab.Fixture(lab.Plain, func(c *exec.Cmd) {
		c.Path = "/bin/sh"
		c.Args = []string{"sh", "-c", fmt.Sprintf("trap '%s' TERM; echo $$; while :; do sleep 0.05; done", trap)}
	})
	if err != nil {
		return nil, err
	}
	return p, s.claimed(pidfile, p.PID)
}

const cleaned = "/run/x/cleaned"

// suspended: by Ctrl-Z or a debugger; it hears TERM only when it is continued.
func suspended(s *scene) error {
	p, err := s.service("echo cleaned >" + cleaned + "; exit 0")
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
		return err
	}
	for lab.State(p.PID) != 'T' {
		time.Sleep(time.Millisecond)
	}
	r := s.do(s.tool.stop(pidfile))
	if _, err := os.Stat(cleaned); r.status != 0 || !gone(p.PID) || err != nil {
		return fmt.Errorf("status %d, running %t, and it could not clean up: %v", r.status, lab.Running(p.PID), err)
	}
	return nil
}

// touching: what a service writes to its own pidfile while it stops is no claim of another.
func touching(s *scene) error {
	p, err := s.service("echo $$ >" + pidfile + "; exit 0")
	if err != nil {
		return err
	}
	defer p.Kill()
	if r := s.do(s.tool.stop(pidfile)); r.status != 0 || !gone(p.PID) {
		return fmt.Errorf("status %d, running %t: %s", r.status, lab.Running(p.PID), r.text)
	}
	if s.tool.keeps {
		return nil
	}
	return missing(pidfile)
}

// rewritten: the number was claimed, its process ended, another got it, and wrote it into the file as scripts do.
func rewritten(s *scene) error {
	p, err := reused(s)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := os.WriteFile(pidfile, fmt.Appendln(nil, p.PID), 0o644); err != nil {
		return err
	}
	if s.tool.alive != nil {
		if r := s.do(s.tool.alive(pidfile)); r.status != 0 {
			return fmt.Errorf("status: %v", r)
		}
	}
	if r := s.do(s.tool.stop(pidfile)); r.status != 0 || !gone(p.PID) {
		return fmt.Errorf("stop: running %t: %v", lab.Running(p.PID), r)
	}
	return nil
}

func leaderLeaves(s *scene) error {
	p, err := actor(lab.Leaver)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := s.claimed(pidfile, p.PID); err != nil {
		return err
	}
	if r := s.do(s.tool.group(pidfile)); r.status == 0 && !gone(p.PID) {
		return errors.New("status 0, and the leader runs on in another group")
	}
	return nil
}

// quit ends the tool while it waits, by the signal that makes a Go program print all that it does.
func quit(s *scene) error {
	p, err := s.service("echo heard >" + cleaned)
	if err != nil {
		return err
	}
	defer p.Kill()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	argv := s.tool.stop(pidfile)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var text bytes.Buffer
	cmd.Stderr = &text
	if err := cmd.Start(); err != nil {
		return err
	}
	for lab.State(p.PID) != 0 && ctx.Err() == nil {
		if _, err := os.Stat(cleaned); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(delay) // it has signalled, and now it waits
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	_ = cmd.Wait() // the state is looked at
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !ok || !status.Signaled() || status.Signal() != syscall.SIGQUIT:
		return fmt.Errorf("it did not die of QUIT: %v", cmd.ProcessState)
	case bytes.Count(text.Bytes(), []byte("\n")) > 2:
		return fmt.Errorf("it says more than anybody wants to read: %.80s...", &text)
	case !p.Running():
		return errors.New("it is said to be ended, and went on to kill")
	}
	if now, err := namedBy(pidfile); err != nil || now != p.PID {
		return fmt.Errorf("the pidfile of what runs on names %d: %v", now, err)
	}
	return nil
}

// large is a text of more than a page that begins with a number: no pidfile, and somebody's data.
func large(s *scene) error {
	p, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	text := fmt.Sprintln(p.PID) + strings.Repeat("data\n", 1000)
	if err := os.WriteFile(pidfile, []byte(text), 0o644); err != nil {
		return err
	}
	s.do(s.tool.stop(pidfile))
	if died(p) {
		return errors.New("the process was killed that the first line of a text names")
	}
	if now, err := os.ReadFile(pidfile); err != nil || string(now) != text {
		return fmt.Errorf("the text is gone: %v", err)
	}
	return nil
}
