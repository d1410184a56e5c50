//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"pidbox/testscripts/lab"
)

// his makes the stranger the owner, on whose word root must not act.
func his(paths ...string) (err error) {
	for _, path := range paths {
		err = errors.Join(err, os.Lchown(path, lab.Stranger, lab.Stranger))
	}
	return err
}

// lockedByStranger has all of this locked, until end is called.
func lockedByStranger(paths ...string) (end func(), err error) {
	var holders []*lab.Process
	end = func() {
		for _, p := range holders {
			p.Kill()
		}
	}
	for _, path := range paths {
		p, err := lab.LockedByStranger(path)
		if err != nil {
			end()
			return nil, err
		}
		holders = append(holders, p)
	}
	return end, nil
}

// lockedStop: a lock needs no more than the right to read, so that it must be in nobody's way.
func lockedStop(s *scene) error {
	p, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := s.claimed(pidfile, p.PID); err != nil {
		return err
	}
	end, err := lockedByStranger(pidfile, filepath.Dir(pidfile))
	if err != nil {
		return err
	}
	defer end()
	began := time.Now()
	r := s.do(s.tool.stop(pidfile))
	if took := time.Since(began); r.status != 0 || !died(p) || took > 4*time.Second {
		return fmt.Errorf("status %d after %v: %s", r.status, took.Round(time.Millisecond), r.text)
	}
	return nil
}

func lockedClaim(s *scene) error {
	old, err := s.claimant()
	if err != nil {
		return err
	}
	old.Kill()
	p, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	end, err := lockedByStranger(pidfile, filepath.Dir(pidfile))
	if err != nil {
		return err
	}
	defer end()
	if r := s.do(s.tool.claim(pidfile, p.PID)); r.status != 0 {
		return fmt.Errorf("claim: %v", r)
	}
	return nil
}

// stickyLock: in a directory like /tmp the stranger has made, and locked, whatever file a tool may take for its lock.
func stickyLock(s *scene) error {
	if err := errors.Join(directory(), os.Chmod("/run/x", 0o777|os.ModeSticky)); err != nil {
		return err
	}
	locks := []string{pidfile + ".lock", "/run/x/.x.pid.lock"}
	for _, lock := range locks {
		if err := errors.Join(os.WriteFile(lock, nil, 0o644), his(lock)); err != nil {
			return err
		}
	}
	end, err := lockedByStranger(locks...)
	if err != nil {
		return err
	}
	defer end()
	r := s.do(s.tool.start(pidfile, sleeper("m")))
	daemons := settled("m")
	defer killAll(daemons)
	pid, err := namedBy(pidfile)
	if r.status != 0 || err != nil || len(daemons) != 1 || !s.names(pid, daemons[0]) {
		return fmt.Errorf("status %d, daemons %v, %v: %s", r.status, daemons, err, r.text)
	}
	return nil
}

// forged: the user's pidfile names a process of root's, and says all that the record of a claim of it would.
func forged(s *scene) error {
	victim, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer victim.Kill()
	if err := os.WriteFile(pidfile, fmt.Appendln(nil, victim.PID), 0o644); err != nil {
		return err
	}
	if s.tool.ours() {
		if err := os.Mkdir("/run/root", 0o755); err != nil {
			return err
		}
		if err := errors.Join(s.claimed("/run/root/x.pid", victim.PID), lab.Counterfeit("/run/root/x.pid", pidfile)); err != nil {
			return err
		}
	}
	if err := his("/run/x", pidfile); err != nil {
		return err
	}
	return s.spares(victim, pidfile, "a user could name the process that root killed")
}

// rootsMember: in the group of the user's process is one of root's, as after su in a terminal, or in a job of root's.
func rootsMember(s *scene) error {
	if err := errors.Join(directory(), his("/run/x")); err != nil {
		return err
	}
	script := fmt.Sprintf(`%[1]s -f /dev/null m & exec setpriv --reuid %[2]d --regid %[2]d --clear-groups %[1]s -f /dev/null leader`, sleeperPath, lab.Stranger)
	leader := exec.Command("sh", "-c", script)
	leader.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := leader.Start(); err != nil {
		return err
	}
	go leader.Wait()
	defer func() { killAll([]int{leader.Process.Pid}) }()
	for deadline := time.Now().Add(limit); len(sleepers("leader")) == 0 || len(sleepers("m")) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("the group does not come up")
		}
	}
	defer killAll(sleepers("m"))
	if err := errors.Join(os.WriteFile(pidfile, fmt.Appendln(nil, leader.Process.Pid), 0o644), his(pidfile)); err != nil {
		return err
	}
	s.do(s.tool.group(pidfile))
	if len(settled("m")) == 0 {
		return errors.New("root killed a process of root's on the word of a user")
	}
	return nil
}

// led makes root's directory and, in the user's, a link to it. The answer is what the pidfile is called by the link.
func led() (string, error) {
	return "/run/his/app/x.pid", errors.Join(os.Mkdir("/run/private", 0o700), os.Mkdir("/run/his", 0o755),
		os.Symlink("/run/private", "/run/his/app"), his("/run/his", "/run/his/app"))
}

func ledStart(s *scene) error {
	file, err := led()
	if err != nil {
		return err
	}
	s.do(s.tool.start(file, sleeper("m")))
	defer killAll(settled("m"))
	return missing("/run/private/x.pid")
}

func ledStop(s *scene) error {
	file, err := led()
	if err != nil {
		return err
	}
	victim, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer victim.Kill()
	if err := s.claimed("/run/private/x.pid", victim.PID); err != nil {
		return err
	}
	return s.spares(victim, file, "a user's link led to the process that root killed")
}

func ledStale(s *scene) error {
	file, err := led()
	if err != nil {
		return err
	}
	if err := os.WriteFile("/run/private/x.pid", []byte("30000\n"), 0o644); err != nil {
		return err
	}
	s.do(s.tool.stop(file))
	if text, err := os.ReadFile("/run/private/x.pid"); err != nil || string(text) != "30000\n" {
		return fmt.Errorf("root's file now holds %q (%v)", text, err)
	}
	return nil
}

// moved: who can write the directory gives the pidfile of one service the name of another's.
func moved(s *scene) error {
	const group = 1 // daemon's, with a member beside root
	victim, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer victim.Kill()
	if err := errors.Join(os.Chown("/run/x", 0, group), os.Chmod("/run/x", 0o775), s.claimed("/run/x/other.pid", victim.PID),
		os.Rename("/run/x/other.pid", pidfile)); err != nil {
		return err
	}
	return s.spares(victim, pidfile, "a member of the group could name the process that root killed")
}

// throughProc: the pidfile is reached through /proc/PID/root, where its number means another process than here.
func throughProc(s *scene) error {
	p, err := actor(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	init, end, err := s.namespace(p.PID, "mount -t tmpfs -o mode=755 none "+filepath.Dir(pidfile))
	if err != nil {
		return err
	}
	defer end()
	return s.spares(p, "/proc/"+strconv.Itoa(init)+"/root"+pidfile, "the process of the same number here was killed")
}
