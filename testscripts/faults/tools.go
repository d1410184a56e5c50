//go:build linux

package main

import (
	"fmt"
	"strconv"

	"pidbox/testscripts/lab"
)

// tool is one column: how it does each operation, nil where it has none.
type tool struct {
	name  string
	needs string
	claim func(file string, pid int) []string      // write the pidfile of a running process, unless another holds it
	notes func(file string, pid int) []string      // the record that its claims and starts make, for a running process; ours alone
	start func(file string, cmd []string) []string // start a daemon with a pidfile
	stop  func(file string) []string               // TERM, and KILL after 2 s
	group func(file string) []string               // stop, of the process group
	alive func(file string) []string               // status 0: running
	keeps bool                                     // a stop leaves the pidfile
	stays bool                                     // the pidfile names the tool, which stays as the daemon's parent
}

// ours says that this is a column that has to be ok in every row.
func (t tool) ours() bool { return t.notes != nil }

func (t tool) there() bool {
	if t.needs == "" {
		return true
	}
	_, err := lab.LookPath(t.needs)
	return err == nil
}

func tools() []tool {
	applet := func(name string) string { return "/run/bin/" + name }
	ssd := func(front ...string) tool {
		call := func(args ...string) []string { return append(append([]string{}, front...), args...) }
		return tool{
			start: func(file string, cmd []string) []string {
				return append(call("-S", "-b", "-m", "-p", file, "-x", cmd[0], "--"), cmd[1:]...)
			},
			stop: func(file string) []string { return call("-K", "-p", file) },
		}
	}
	whole := func(program, name string) tool {
		t := ssd(program)
		t.name, t.needs = name, program
		t.stop = func(file string) []string {
			return []string{program, "-K", "--retry", "TERM/2/KILL/2", "--remove-pidfile", "--oknodo", "-p", file}
		}
		t.alive = func(file string) []string { return []string{program, "--status", "-p", file} }
		return t
	}
	claim := func(file string, pid int) []string {
		return []string{applet("pid-claim"), "--pid", strconv.Itoa(pid), "-p", file}
	}
	dropIn := whole(applet("start-stop-daemon"), "pidbox start-stop-daemon")
	dropIn.needs, dropIn.notes = "", claim
	busybox := ssd("busybox", "start-stop-daemon")
	busybox.name, busybox.needs, busybox.keeps = "busybox", "busybox", true
	return []tool{
		{
			name: "pidbox", claim: claim, notes: claim,
			start: func(file string, cmd []string) []string {
				return append([]string{applet("daemonize"), "-p", file}, cmd...)
			},
			stop: func(file string) []string { return []string{applet("pid-kill"), "--grace", "2", "-p", file} },
			group: func(file string) []string {
				return []string{applet("pid-kill"), "--group", "--grace", "2", "-p", file}
			},
			alive: func(file string) []string { return []string{applet("pid-alive"), "-p", file} },
		},
		dropIn,
		whole("start-stop-daemon", "start-stop-daemon"),
		busybox,
		{
			name: "daemonize(1)", needs: "daemonize",
			start: func(file string, cmd []string) []string {
				return append([]string{"daemonize", "-p", file, "-l", file + ".lock"}, cmd...)
			},
		},
		{
			name: "daemon(1)", needs: "daemon", stays: true,
			start: func(file string, cmd []string) []string {
				return append([]string{"daemon", "--pidfile", file, "--"}, cmd...)
			},
		},
		{
			name: "shell idioms", needs: "flock",
			claim: func(file string, pid int) []string {
				return sh(`exec 9>>"$1"; flock -n 9 || exit 1; p=$(cat "$1"); [ -z "$p" ] || ! kill -0 "$p" 2>/dev/null || [ "$p" = "$2" ] || exit 1; echo "$2" >"$1"`, file, fmt.Sprint(pid))
			},
			stop:  func(file string) []string { return sh(stopIdiom, file, "") },
			group: func(file string) []string { return sh(stopIdiom, file, "-") },
			alive: func(file string) []string { return sh(`kill -0 "$(cat "$1")"`, file) },
		},
	}
}

func sh(script string, args ...string) []string {
	return append([]string{"sh", "-c", script, "sh"}, args...)
}

// stopIdiom stops by kill(1) what is named by $1; with $2 a minus, its group.
const stopIdiom = `[ -e "$1" ] || exit 0; p=$2$(cat "$1"); kill -TERM "$p" 2>/dev/null
for i in $(seq 20); do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done
kill -9 "$p" 2>/dev/null; rm -f "$1"`
