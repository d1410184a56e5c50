//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// malformed contents name nobody: nothing may be signalled, and the tool must end.
func malformed(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	contents := []string{"", "\n", "abc\n", "31000abc\n", "-1\n", "0\n", "1\n", "99999999999\n", strings.Repeat("x", 1<<20)}
	for _, content := range contents {
		half, err := lab.FixtureAs(31000, lab.Plain)
		if err != nil {
			return fmt.Errorf("%.20q: %w", content, err)
		}
		bystander, err := lab.Fixture(lab.Plain)
		if err != nil {
			return err
		}
		if err := os.WriteFile(pidfile, []byte(content), 0o644); err != nil {
			return err
		}
		r := s.do(s.tool.stop(pidfile))
		if died(bystander) || died(half) {
			return fmt.Errorf("%.20q: a bystander was killed", content)
		}
		if r.status < 0 {
			return fmt.Errorf("%.20q: %s", content, r.text)
		}
		bystander.Kill()
		half.Kill()
	}
	return nil
}

// readable content names a process to every script that reads the file, and so it must to the tool.
func readable(s *scene, format string) error {
	p, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := os.WriteFile(pidfile, fmt.Appendf(nil, format, p.PID), 0o644); err != nil {
		return err
	}
	if r := s.do(s.tool.stop(pidfile)); r.status != 0 || !gone(p.PID) {
		return fmt.Errorf("status %d, running %t: %s", r.status, lab.Running(p.PID), r.text)
	}
	return nil
}

func fifo(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	if err := unix.Mkfifo(pidfile, 0o644); err != nil {
		return err
	}
	if r := s.do(s.tool.stop(pidfile)); r.status <= 0 {
		return fmt.Errorf("status %d: %s", r.status, r.text)
	}
	return nil
}

const precious = "/run/precious"

func linked() error {
	return errors.Join(directory(), os.WriteFile(precious, []byte("precious\n"), 0o644), os.Symlink(precious, pidfile))
}

func intact() error {
	if text, err := os.ReadFile(precious); err != nil || string(text) != "precious\n" {
		return fmt.Errorf("what the link leads to was overwritten: %q", text)
	}
	return nil
}

func linkStart(s *scene) error {
	if err := linked(); err != nil {
		return err
	}
	s.do(s.tool.start(pidfile, sleeper("m")))
	defer killAll(settled("m"))
	return intact()
}

func linkClaim(s *scene) error {
	if err := linked(); err != nil {
		return err
	}
	s.do(s.tool.claim(pidfile, os.Getpid()))
	return intact()
}

// writable is the authority of whoever could have written the file: a root shell must not take orders from everybody.
func writable(s *scene) error {
	victim, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer victim.Kill()
	if err := errors.Join(os.WriteFile(pidfile, fmt.Appendln(nil, victim.PID), 0o666), os.Chmod(pidfile, 0o666)); err != nil {
		return err
	}
	s.do(s.tool.stop(pidfile))
	if died(victim) {
		return errors.New("anybody could have named the process that root killed")
	}
	return nil
}

// fill mounts a small disk over the pidfile's directory, with an old pidfile, and leaves no room.
func fill() error {
	if err := directory(); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/run/x", "tmpfs", 0, "size=64k"); err != nil {
		return err
	}
	if err := os.WriteFile(pidfile, []byte("30000\n"), 0o644); err != nil {
		return err
	}
	err := os.WriteFile("/run/x/ballast", make([]byte, 1<<20), 0o644)
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is not full: %w", err)
	}
	return nil
}

func unharmed() error {
	if text, err := os.ReadFile(pidfile); err != nil || string(text) != "30000\n" {
		return fmt.Errorf("the old pidfile now holds %q", text)
	}
	return nil
}

func fullDiskStart(s *scene) error {
	if err := fill(); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, sleeper("m")))
	daemons := settled("m")
	defer killAll(daemons)
	if r.status == 0 || len(daemons) > 0 {
		return fmt.Errorf("status %d, and %d daemons without a pidfile", r.status, len(daemons))
	}
	return unharmed()
}

func fullDiskClaim(s *scene) error {
	if err := fill(); err != nil {
		return err
	}
	if r := s.do(s.tool.claim(pidfile, os.Getpid())); r.status == 0 {
		text, _ := os.ReadFile(pidfile)
		return fmt.Errorf("status 0, and the pidfile holds %q", text)
	}
	return unharmed()
}

func readOnly(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/run/x", "tmpfs", syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, sleeper("m")))
	daemons := settled("m")
	defer killAll(daemons)
	if r.status == 0 || len(daemons) > 0 {
		return fmt.Errorf("status %d, and %d daemons without a pidfile", r.status, len(daemons))
	}
	return nil
}
