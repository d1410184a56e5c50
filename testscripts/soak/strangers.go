//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// strangersLocks: another user locks all that he may read, for all of a life: nothing waits for that.
func (s *service) strangersLocks() {
	p := s.claimed()
	if p == nil {
		return
	}
	defer p.end()
	for _, path := range []string{s.dir, s.file} {
		holder, err := lab.LockedByStranger(path)
		if err != nil {
			s.violation("%v", err)
			return
		}
		defer holder.Kill()
	}
	s.want(0, "pid-claim", "--pid", strconv.Itoa(p.PID), "-p", s.file)
	s.finish(p.PID, p.giveUp)
}

// lockFile: a lock is held for a life, against another pidfile too, and is free after it.
func (s *service) lockFile() {
	lock, other := s.dir+"/life", s.dir+"/other.pid"
	start := func(file string) []string {
		return append([]string{"daemonize", "-p", file, "-l", lock}, s.owner()...)
	}
	if !s.want(0, start(s.file)...) {
		return
	}
	pid, ok := s.only()
	if !ok {
		return
	}
	_, ended := s.begin(start(other)...)
	if r := <-ended; r.status != 75 {
		s.violation("%v: wanted 75", r)
	}
	s.missing(other)
	s.finish(pid, func() {})
	if s.want(0, start(other)...) {
		s.want(0, "pid-kill", "-p", other)
	}
	s.missing(other)
}

// usersDirectory: on the word of another user a process of his is stopped, and none of root's: neither by a forged record,
// nor by a link.
func (s *service) usersDirectory() {
	p := s.claimed()
	if p == nil {
		return
	}
	defer p.end()
	dir := s.dir + "/his"
	file, link := dir+"/x.pid", dir+"/app"
	defer os.RemoveAll(dir)
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Symlink(s.dir, link), his(p.PID, file), lab.Counterfeit(s.file, file),
		os.Lchown(link, lab.Stranger, lab.Stranger), os.Lchown(dir, lab.Stranger, lab.Stranger)); err != nil {
		s.violation("%v", err)
		return
	}
	s.want(4, "pid-kill", "-p", file)
	s.want(4, "pid-alive", "-p", file)
	s.want(4, "pid-kill", "-p", link+"/"+filepath.Base(s.file))
	s.names(p.PID)
	own, err := lab.Fixture(lab.Plain, lab.AsStranger)
	if err != nil {
		s.violation("%v", err)
		return
	}
	defer own.Kill()
	if err := his(own.PID, file); err != nil {
		s.violation("%v", err)
		return
	}
	s.stopped(own.PID, file)
	s.finish(p.PID, p.giveUp)
}

// his writes a pidfile as the stranger does.
func his(pid int, file string) error {
	os.Remove(file)
	return errors.Join(os.WriteFile(file, fmt.Appendln(nil, pid), 0o644), os.Lchown(file, lab.Stranger, lab.Stranger))
}

// binding: what root's claim wrote on the process holds without the record, and whoever owns the file, but for its place.
func (s *service) binding() {
	p := s.claimed()
	if p == nil {
		return
	}
	defer p.end()
	if !bound(p.PID) {
		s.count("binding: the kernel keeps none")
		s.finish(p.PID, p.giveUp)
		return
	}
	if err := errors.Join(unix.Lremovexattr(s.file, lab.Record), os.Lchown(s.file, lab.Stranger, lab.Stranger)); err != nil {
		s.violation("%v", err)
		return
	}
	s.want(0, "pid-alive", "-p", s.file)
	elsewhere := s.dir + "/other.pid"
	if err := os.Rename(s.file, elsewhere); err != nil {
		s.violation("%v", err)
		return
	}
	s.want(4, "pid-kill", "-p", elsewhere)
	if err := os.Rename(elsewhere, s.file); err != nil {
		s.violation("%v", err)
		return
	}
	p.giveUp()
	s.stopped(p.PID, s.file)
}

// stopped stops by a pidfile the process that it must name.
func (s *service) stopped(pid int, file string) {
	p, err := lab.Hold(pid)
	if err != nil {
		s.violation("%s: the owner %d: %v", file, pid, err)
		return
	}
	defer p.Close()
	s.want(0, "pid-kill", "-p", file)
	if !p.Ended() {
		s.violation("%s: pid-kill said 0, and process %d runs", file, pid)
	}
	s.missing(file)
}

// bound reports whether a process has an attribute of the kernel's that names its pidfile.
func bound(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	n, err := unix.Fgetxattr(fd, "trusted.pidbox.file", make([]byte, 4096))
	return err == nil && n > 0
}
