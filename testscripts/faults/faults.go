//go:build linux

package main

import (
	"os"
	"os/exec"

	"pidbox/testscripts/lab"
)

// fault is one row: which tools it asks, and what it does to them.
type fault struct {
	name string
	asks func(tool) bool
	run  func(*scene) error
}

func stops(t tool) bool  { return t.stop != nil }
func groups(t tool) bool { return t.group != nil }
func alives(t tool) bool { return t.alive != nil }
func claims(t tool) bool { return t.claim != nil }
func starts(t tool) bool { return t.start != nil }

const pidfile = "/run/x/x.pid"

func faults() []fault {
	return []fault{
		{"the number was reused by a stranger, stop", stops, reusedStop},
		{"the number was reused by a stranger, status", alives, reusedStatus},
		{"reused, and rewritten in place by the new process, stop", stops, rewritten},
		{"the number is a thread id, stop", stops, threadStop},
		{"the number is a thread id, status", alives, threadStatus},
		{"a zombie, stop", stops, zombieStop},
		{"a zombie, status", alives, zombieStatus},
		{"another user's process (EPERM), status", alives, otherUser},
		{"the same under hidepid=2", alives, hidden},
		{"the process ignores TERM", stops, stubborn},
		{"the process is stopped (SIGSTOP), and would clean up", stops, suspended},
		{"the service writes to its pidfile while it ends, stop", stops, touching},
		{"the leader leaves its group, stop of the group", groups, leaderLeaves},
		{"QUIT while it waits, stop", stops, quit},
		{"pidfile from before the boot, stop", stops, earlierBoot},
		{"pidfile of another PID namespace, stop", stops, otherNamespace},
		{"pidfile of a container, by /proc/PID/root, stop", stops, throughProc},
		{"malformed contents, each of nine, stop", stops, malformed},
		{"a text of over 4 KiB that begins with a number, stop", stops, large},
		{"pidfile with CR LF, stop", stops, func(s *scene) error { return readable(s, "%d\r\n") }},
		{"pidfile with more lines, stop", stops, func(s *scene) error { return readable(s, "%d\n/var/lib/data\n") }},
		{"a FIFO in place of the pidfile, stop", stops, fifo},
		{"a symlink in place of the pidfile, start", starts, linkStart},
		{"a symlink in place of the pidfile, claim", claims, linkClaim},
		{"a pidfile that others may write, stop", stops, writable},
		{"a user's pidfile names a process of root's, stop", stops, forged},
		{"root's process in the group of a user's, stop of the group", groups, rootsMember},
		{"a user's symlink on the way, start", starts, ledStart},
		{"a user's symlink on the way, stop", stops, ledStop},
		{"a stale pidfile behind a user's symlink, stop", stops, ledStale},
		{"renamed by a member of the directory's group, stop", stops, moved},
		{"a user locks the pidfile and its directory, stop", stops, lockedStop},
		{"a user locks the pidfile and its directory, claim", claims, lockedClaim},
		{"a user's lock file in a sticky directory, start", starts, stickyLock},
		{"50 starts at once", starts, stormOfStarts},
		{"50 claims at once", claims, stormOfClaims},
		{"claimed anew while it is stopped", func(t tool) bool { return stops(t) && claims(t) }, claimedAnew},
		{"the number passes to a stranger, at each system call of a stop", stops, strangerMeanwhile},
		{"a successor claims, at each system call of a stop", stops, successorMeanwhile},
		{"another claims, at each system call of a claim", claims, rivalMeanwhile},
		{"removed and claimed by another, at each system call of a claim", claims, removedMeanwhile},
		{"full disk, start", starts, fullDiskStart},
		{"full disk, claim", claims, fullDiskClaim},
		{"read-only directory, start", starts, readOnly},
		{"SIGKILL of the tool at random moments of a start", starts, killedStart},
		{"the command does not exist, start", starts, func(s *scene) error { return execFails(s, "/nonexistent") }},
		{"the command is not executable, start", starts, func(s *scene) error { return execFails(s, "/etc/passwd") }},
		{"pidfile complete at the return of a start", starts, complete},
		{"PATH and HOME unset, locale unknown", starts, func(s *scene) error {
			return cycle(s, func(c *exec.Cmd) { c.Env = []string{"LC_ALL=xx_YY"} })
		}},
		{"16 descriptors at most", starts, func(s *scene) error { return cycle(s, under("ulimit -n 16")) }},
		{"one to twelve processes at most (RLIMIT_NPROC)", starts, fewProcesses},
		{"umask 0", starts, umaskZero},
		{"descriptors 0, 1 and 2 closed", starts, func(s *scene) error { return cycle(s, under("exec <&- >&- 2>&-")) }},
		{"CHLD and PIPE ignored", starts, func(s *scene) error { return cycle(s, under("trap '' CHLD PIPE")) }},
	}
}

// under runs the tool from a shell that first did something to itself.
func under(first string) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		path := c.Path
		c.Args = append([]string{"sh", "-c", first + `; exec "$0" "$@"`, path}, c.Args[1:]...)
		c.Path, c.Err = "/bin/sh", nil
	}
}

func directory() error { return os.MkdirAll("/run/x", 0o755) }

// actor is a process of that kind, on a scene that has the pidfile's directory. The caller ends it.
func actor(kind string) (*lab.Process, error) {
	if err := directory(); err != nil {
		return nil, err
	}
	return lab.Fixture(kind)
}
