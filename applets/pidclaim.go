//go:build !pidbox_some || applet_pid_claim

package applets

import (
	"pidbox/lib/applet"
)

// pidClaim makes a pidfile name one live process: of any number of concurrent claims one succeeds, a reader sees the
// old file or the new one, and a process that has exited is never recorded. It cannot keep the process from exiting
// a moment later, and it is of no use against programs that write the file without a lock.
func pidClaim() *applet.Applet {
	o := &pidClaimOptions{}
	return &applet.Applet{
		Name:    "pid-claim",
		Summary: "claim a pidfile for a process, or become a command that owns it",
		Synopsis: []string{
			"--pid PID[:INODE] -p FILE [--wait D] [--mode MODE]",
			"-p FILE [--user USER[:GROUP...]] [--chdir DIR] [--umask MASK] [--env K=V]... [--hold] [--cgroup] [--] COMMAND [ARG...]",
		},
		Description: `
			The first form claims FILE for a running process, usually that of the calling script: "$$".

			The second claims it for itself, drops privileges, and then becomes COMMAND by execve(2): same process, same PID.

			A file is free if its process has exited, or if it was claimed before the last boot or in another PID namespace.
			Missing directories are made.
			An extended attribute records which process it is, so that a later process with the same PID is not mistaken for it.

			With --user, COMMAND has the groups, HOME, USER, LOGNAME and SHELL of that user, and is looked for with that user's
			rights.
			FILE and its directories are made before that, with the caller's rights.
		`,
		Operand: applet.Command,
		Options: append([]applet.Option{
			pidfileOption(&o.file, "the pidfile"),
			processOption(&o.process, "claim for this process"),
			applet.Duration(&o.wait, "wait", "D", "wait up to D until a live holder exits, instead of failing at once"),
			modeOption(&o.mode),
			userOption(&o.user),
			applet.String(&o.dir, "chdir c", "DIR", "run COMMAND in DIR").As(applet.Dir),
			umaskOption(&o.umask),
			envOption(&o.env),
			applet.Switch(&o.hold, "hold", "hold a lock on the pidfile for COMMAND's lifetime, which other PID namespaces and hosts see too"),
			givenOption(&o.given),
			cgroupOption(&o.cgroup, "for pid-kill --cgroup"),
			outcomeOption(&o.json),
			applet.Switch(&o.dryRun, "dry-run n", "change nothing and lock nothing; print what would be done, and exit with the status it would have"),
		}, ruleOptions(&o.rules)...),
		Details: append([]applet.Item{cgroupDetail(),
			{Name: "hold", Text: `
				A record counts on the machine and in the PID namespace that made it.
				Where FILE lies on a file system that several containers or hosts share, the lock keeps the others' claims off as well:
				they exit with 75.
				Each process that inherits the descriptor from COMMAND holds the lock, until the last of them has exited.`},
			{Name: "wait", Text: `
				For a restart that starts the new process while the old one is still stopping: the claim succeeds the moment the
				holder has exited.
				Status 124 if it has not within D.`},
		}, ruleDetails()...),
		Exclusive: [][]string{{"pid", "user"}, {"pid", "chdir"}, {"pid", "umask"}, {"pid", "env"}, {"pid", "hold"}, {"pid", "cgroup"}, {"pid", "listen-fds"}, {"json", "dry-run"}},
		Requires:  []applet.Need{{Option: "json", OneOf: []string{"pid"}}},
		Statuses: []applet.Item{
			{Name: "0", Text: "claimed, or the process held it already"},
			{Name: "1", Text: "held by another live process"},
			{Name: "3", Text: "the process to claim it for is not running; nothing was written"},
			{Name: "4", Text: "unsafe, not permitted, or unclear which process the file names; nothing was written"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "the pidfile is locked by another program"},
			{Name: "124", Text: "the holder was still running after --wait"},
			{Name: "125", Text: "own failure, for example a full disk; the old file is unharmed"},
			{Name: "126", Text: "COMMAND cannot be executed"},
			{Name: "127", Text: "COMMAND was not found"},
			{Name: "128+n", Text: "killed by signal n while waiting"},
		},
		Quiet: "do not print the directories that were made, and do not explain an answer of \"no\"; errors are always printed",
		Examples: []applet.Example{
			{Text: "Start a server once, from a script:", Lines: []string{
				`pid-claim --pid "$$" -p /run/web.pid || exit`,
				"exec web --port 8080",
			}},
			{Text: "The same as another user, in one line:", Lines: []string{
				"exec pid-claim -p /run/web.pid --user www-data -- web --port 8080",
			}},
			{Text: "Wait until the old one has exited, for example in a restart:", Lines: []string{
				`pid-claim --pid "$$" -p /run/web.pid --wait 30`,
			}},
		},
		Environment: []applet.Item{
			{Name: "PATH", Text: "where COMMAND is looked for"},
			{Name: "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES", Text: "read, and set for COMMAND, by --listen-fds; see sd_listen_fds(3)"},
		},
		Files: []applet.Item{
			{Name: "FILE", Text: `the PID in decimal and a newline, mode 644; its extended attribute user.pidbox.claim, or
				trusted.pidbox.claim, is the record: who the process is, when FILE was written, its directory and its path`},
			lockItem(),
			{Name: "DIR/.pidbox-*", Text: "a file beside it that is about to replace it; a later claim removes what a killed one left"},
		},
		Caveats: `
			A claim that would not be believed afterwards is refused with status 4: if a user other than root, the caller and the
			user of the process owns FILE, one of its directories or a link on its path, or can write there by mode, group or ACL.
			The message names the component at fault, its owner and its mode; follow the hint: remove what another user made, then
			make its directory safe.
			A symbolic link, FIFO, device or directory in place of FILE, and a file of more than 4 KiB, are never claimed over.

			A directory that a group can write is accepted if FILE gets a record, which proves that no member has put it there.
			In a sticky directory such as /tmp, another user's file is replaced, whatever process it names.

			Two claims take turns by the lock file.
			The lock of FILE itself, which other programs take, is waited for, up to 5 s, if root, the caller, FILE's owner or its
			process holds it; root ignores the lock of a user who can merely read FILE, and others cannot see whose lock it is.
			A program that writes FILE without a lock can still do so.

			The lock of --hold is held until the last process that inherited the descriptor has exited: COMMAND, and every child of
			it that does not close it.
			Until then another claim ends with status 75 where it cannot see that COMMAND runs, for example in another container.

			The record counts only while FILE is as the claim wrote it: a program that writes its PID itself leaves none.
			Without a record, and where neither attribute can be stored, for example on tmpfs before Linux 6.6 without privilege,
			the file is judged by PID and times.

			From Linux 6.18 on a privileged claim also writes FILE's directory and name on the process itself, in the attribute
			trusted.pidbox.file of its pidfd.
			Such a process is the one that FILE names, whatever other users write there.

			The process may exit right after it was claimed.

			COMMAND ignores HUP and INT if the caller did, for example under nohup(1).
			Other signals that the caller ignored have their default action again: the Go runtime resets them.
			daemonize(1) resets them all.
		`,
		SeeAlso: []string{"pidbox-json(5)", "pidbox-pidfile(7)", "pid-alive(1)", "pid-kill(1)", "daemonize(1)", "flock(2)", "xattr(7)"},
		Run:     o.answer,
	}
}
