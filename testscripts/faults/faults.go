//go:build linux

package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"

	"pidbox/testscripts/lab"
)

// fault is one row: which tools it asks, and what it does to them.
type fault struct {
	name string
	asks func(tool) bool
	run  func(*scene) error
}

func stops(t tool) bool  { return t.stop != nil }
func alives(t tool) bool { return t.alive != nil }
func claims(t tool) bool { return t.claim != nil }
func starts(t tool) bool { return t.start != nil }

const pidfile = "/run/x/x.pid"

func faults() []fault {
	rows := []fault{
		{"the number was reused by a stranger, stop", stops, reusedStop},
		{"the number was reused by a stranger, status", alives, reusedStatus},
		{"the number is a thread id, stop", stops, threadStop},
		{"the number is a thread id, status", alives, threadStatus},
		{"a zombie, stop", stops, zombieStop},
		{"a zombie, status", alives, zombieStatus},
		{"another user's process (EPERM), status", alives, otherUser},
		{"the same under hidepid=2", alives, hidden},
		{"the process ignores TERM", stops, stubborn},
		{"pidfile from before the boot, stop", stops, earlierBoot},
		{"pidfile of another PID namespace, stop", stops, otherNamespace},
	}
	for _, content := range []string{"", "\n", "abc\n", "12abc\n", "-1\n", "0\n", "1\n", "99999999999\n", strings.Repeat("x", 1<<20)} {
		shown := strconv.Quote(content)
		if len(content) > 20 {
			shown = "1 MiB of junk"
		}
		rows = append(rows, fault{"pidfile with " + shown + ", stop", stops, func(s *scene) error { return malformed(s, content) }})
	}
	return append(rows,
		fault{"pidfile with CR LF, stop", stops, func(s *scene) error { return readable(s, "%d\r\n") }},
		fault{"pidfile with more lines, stop", stops, func(s *scene) error { return readable(s, "%d\n/var/lib/data\n") }},
		fault{"a FIFO in place of the pidfile, stop", stops, fifo},
		fault{"a symlink in place of the pidfile, start", starts, linkStart},
		fault{"a symlink in place of the pidfile, claim", claims, linkClaim},
		fault{"a pidfile that others may write, stop", stops, writable},
		fault{"50 starts at once", starts, stormOfStarts},
		fault{"50 claims at once", claims, stormOfClaims},
		fault{"claimed anew while it is stopped", func(t tool) bool { return stops(t) && claims(t) }, claimedAnew},
		fault{"the number passes to a stranger, at each system call of a stop", stops, strangerMeanwhile},
		fault{"a successor claims, at each system call of a stop", stops, successorMeanwhile},
		fault{"another claims, at each system call of a claim", claims, rivalMeanwhile},
		fault{"removed and claimed by another, at each system call of a claim", claims, removedMeanwhile},
		fault{"full disk, start", starts, fullDiskStart},
		fault{"full disk, claim", claims, fullDiskClaim},
		fault{"read-only directory, start", starts, readOnly},
		fault{"SIGKILL of the tool at random moments of a start", starts, killedStart},
		fault{"the command does not exist, start", starts, func(s *scene) error { return execFails(s, "/nonexistent") }},
		fault{"the command is not executable, start", starts, func(s *scene) error { return execFails(s, "/etc/passwd") }},
		fault{"pidfile complete at the return of a start", starts, complete},
		fault{"PATH and HOME unset, locale unknown", starts, func(s *scene) error {
			return cycle(s, func(c *exec.Cmd) { c.Env = []string{"LC_ALL=xx_YY"} })
		}},
		fault{"16 descriptors at most", starts, func(s *scene) error { return cycle(s, under("ulimit -n 16")) }},
		fault{"one to twelve processes at most (RLIMIT_NPROC)", starts, fewProcesses},
		fault{"umask 0", starts, umaskZero},
		fault{"descriptors 0, 1 and 2 closed", starts, func(s *scene) error { return cycle(s, under("exec <&- >&- 2>&-")) }},
		fault{"CHLD and PIPE ignored", starts, func(s *scene) error { return cycle(s, under("trap '' CHLD PIPE")) }},
	)
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
