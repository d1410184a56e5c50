//go:build !pidbox_some || applet_start_stop_daemon

package applets

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/spawn"
)

// ssd is a command line of start-stop-daemon, as it was given: texts are looked at by check, in dpkg's order.
type ssd struct {
	dialect *ssdDialect
	action  string // start, stop or status
	actions int    // how many different ones were given

	exec, name, pidfile, user, pid, ppid                                 string // what to match
	startas, chuid, group, root, dir, umask, nice, procsched, io, output string // how to start
	stdin, stdout, stderr, outLogger, errLogger                          string
	capabilities, secbits, oom, priority, notify, wait                   string
	env                                                                  []string
	signal, retry, notifyTimeout                                         string
	make, background, noClose, notifyAwait, noNewPrivs                   bool
	interpreted, progress                                                bool
	remove, test, oknodo, quiet, verbose, stopGroup                      bool
	noDir                                                                bool // --chdir was given, and empty
	help, version                                                        bool

	operands []string

	given func(name string) bool // also with an empty value, as from a script's unset variable
	plan  ssdPlan
}

// ssdDialect is whose scripts call: what its options are, and the statuses of what went wrong.
type ssdDialect struct {
	name           string
	options        func(*ssd) []applet.Option
	usage, trouble applet.Status // a wrong command line; what could not be done
	unknown        applet.Status // both for status
	ordered        bool          // the first operand ends the options
	schedule       string        // of a stop without --retry; "": the signal alone
	mask           int           // the umask of what is started in the background
}

func dpkgDialect() *ssdDialect {
	return &ssdDialect{name: "dpkg", options: (*ssd).dpkg, usage: 3, trouble: 2, unknown: 4, mask: 0o022}
}

func busyboxDialect() *ssdDialect {
	return &ssdDialect{name: "busybox", options: (*ssd).busybox, usage: 1, trouble: 1, unknown: 1, mask: -1}
}

func openrcDialect() *ssdDialect {
	return &ssdDialect{name: "openrc", options: (*ssd).openrc, usage: 1, trouble: 1, unknown: 1, schedule: "5", mask: 0o022}
}

// dialectOf is the one that SSD_DIALECT names; else that of the link's ending (start-stop-daemon.busybox) or of a folder
// on its path (/usr/lib/pidbox/openrc/start-stop-daemon); else OpenRC's where its scripts run, and dpkg's.
func dialectOf(line string) (*ssdDialect, error) {
	all := map[string]func() *ssdDialect{"dpkg": dpkgDialect, "busybox": busyboxDialect, "openrc": openrcDialect}
	if name := os.Getenv("SSD_DIALECT"); name != "" {
		if all[name] == nil {
			return nil, applet.Fail(3, "SSD_DIALECT is %q, which is not dpkg, busybox or openrc", name)
		}
		return all[name](), nil
	}
	if path, err := spawn.LookPath(line, os.Getenv("PATH"), ""); err == nil {
		line = path
	}
	words := strings.Split(line, "/")
	words = append(words, strings.TrimPrefix(filepath.Ext(line), "."))
	for _, name := range []string{"openrc", "busybox", "dpkg"} {
		if slices.Contains(words, name) {
			return all[name](), nil
		}
	}
	if os.Getenv("RC_SVCNAME") != "" {
		return openrcDialect(), nil
	}
	return dpkgDialect(), nil
}

func (o *ssd) act(names, action, text string) applet.Option {
	return applet.Set(names, "", text, func(string) error {
		if o.action != action {
			o.actions++
		}
		if o.action == "" { // of several, the first decides the status of the refusal
			o.action = action
		}
		return nil
	})
}

// common are the options that all three have.
func (o *ssd) common() []applet.Option {
	return []applet.Option{
		o.act("start S", "start", "start the program, unless a process matches"),
		o.act("stop K", "stop", "signal each process that matches"),
		applet.Verbatim(&o.exec, "exec x", "PROGRAM", "match processes that run this file; start it").As(applet.File),
		applet.Verbatim(&o.name, "name n", "NAME", "match processes with this name, of 15 bytes at most"),
		applet.Verbatim(&o.pidfile, "pidfile p", "FILE", "match the process that FILE names").As(applet.File),
		applet.Verbatim(&o.signal, "signal s", "SIGNAL", "the signal to send (default TERM)").As(applet.SignalName),
		applet.Verbatim(&o.retry, "retry R", "SCHEDULE", "stop: signals and waits in turn, as pid-kill(1) has them; N is SIGNAL/N/KILL/N"),
		applet.Verbatim(&o.startas, "startas a", "PROGRAM", "start PROGRAM instead (BusyBox: its argument zero)").As(applet.File),
		applet.Verbatim(&o.dir, "chdir d", "DIR", "start it in DIR (default /)").As(applet.Dir),
		applet.Verbatim(&o.root, "chroot r", "DIR", "start it with DIR as its root directory").As(applet.Dir),
		applet.Verbatim(&o.chuid, "chuid c", "USER[:GROUP]", "start it as this user").As(applet.User),
		applet.Verbatim(&o.nice, "nicelevel N", "N", "add N to its nice value"),
		applet.Verbatim(&o.umask, "umask k", "MASK", "start it with this umask, in octal (default 022 with --background)"),
		applet.Switch(&o.make, "make-pidfile m", "claim FILE for it, with a record of the process"),
		applet.Switch(&o.background, "background b", "start it in the background, by a double fork"),
		applet.Switch(&o.test, "test t", "print what would be done, and do nothing"),
		applet.Switch(&o.oknodo, "oknodo o", "exit with 0 where nothing had to be done"),
		applet.Switch(&o.quiet, "quiet q", "print errors only"),
		applet.Switch(&o.verbose, "verbose v", "print each step"),
	}
}

// dpkg are the options of dpkg's.
func (o *ssd) dpkg() []applet.Option {
	return append(o.common(),
		o.act("status T", "status", "exit with the status that the LSB has for it"),
		applet.Verbatim(&o.user, "user u", "USER", "match processes of this user").As(applet.User),
		applet.Verbatim(&o.pid, "pid", "PID", "match this process"),
		applet.Verbatim(&o.ppid, "ppid", "PID", "match processes with this parent"),
		applet.Verbatim(&o.group, "group g", "GROUP", "start it in this group"),
		applet.Verbatim(&o.procsched, "procsched P", "POLICY[:N]", "start it under this scheduling policy: other, fifo or rr"),
		applet.Verbatim(&o.io, "iosched I", "CLASS[:N]", "start it in this I/O class: real-time, best-effort or idle"),
		applet.Switch(&o.noClose, "no-close C", "with --background, leave all descriptors open"),
		applet.Verbatim(&o.output, "output O", "FILE", "with --background, append what it prints to FILE").As(applet.File),
		applet.Switch(&o.notifyAwait, "notify-await", "with --background, wait until it says READY=1 by sd_notify(3)"),
		applet.Verbatim(&o.notifyTimeout, "notify-timeout", "N", "wait that many seconds for it (default 60)"),
		applet.Switch(&o.remove, "remove-pidfile", "remove FILE after a stop, if it still names what was stopped and that is gone, for which a stop without --retry waits 2s at most"),
		applet.Switch(&o.help, "help H", "show this help"),
		applet.Switch(&o.version, "version V", "show the version"),
	)
}

// busybox are those of BusyBox: fewer, and the first operand ends them.
func (o *ssd) busybox() []applet.Option {
	without := []string{"chroot", "umask"}
	all := slices.DeleteFunc(o.common(), func(opt applet.Option) bool { return slices.Contains(without, opt.Names[0]) })
	return append(all, applet.Verbatim(&o.user, "user u", "USER", "match processes of this user"),
		applet.Verbatim(&o.output, "output O", "FILE", "append what it prints to FILE"),
		applet.Switch(&o.help, "help", "show this help"))
}

// openrc are those of OpenRC, in which -u is whom it runs as.
func (o *ssd) openrc() []applet.Option {
	all := slices.DeleteFunc(o.common(), func(opt applet.Option) bool { return opt.Names[0] == "chuid" })
	return append(all, append([]applet.Option{applet.Verbatim(&o.chuid, "user u chuid c", "USER[:GROUP]", "the user")}, o.ownOpenrc()...)...)
}

// ownOpenrc are the options that only OpenRC's has; of some letters it has other ideas than dpkg.
func (o *ssd) ownOpenrc() []applet.Option {
	return []applet.Option{
		applet.Verbatim(&o.group, "group g", "GROUP", "start it in this group"),
		applet.Switch(&o.stopGroup, "stop-group G", "OpenRC: stop the whole process group that it leads"),
		applet.Each(&o.env, "env e", "K=V", "OpenRC: set a variable", func(s string) (string, error) { return s, nil }),
		applet.Verbatim(&o.stdin, "stdin 0", "FILE", "OpenRC: with --background, read FILE"),
		applet.Verbatim(&o.stdout, "stdout 1", "FILE", "OpenRC: with --background, append what it prints to FILE"),
		applet.Verbatim(&o.stderr, "stderr 2", "FILE", "OpenRC: the same for its errors"),
		applet.Verbatim(&o.outLogger, "stdout-logger 3", "COMMAND", "OpenRC: with --background, write what it prints to COMMAND"),
		applet.Verbatim(&o.errLogger, "stderr-logger 4", "COMMAND", "OpenRC: the same for its errors"),
		applet.Verbatim(&o.wait, "wait w", "MS", "OpenRC: fail if it has exited after that many milliseconds"),
		applet.Verbatim(&o.notify, "notify", "HOW", "OpenRC: with --background, wait for fd:N or socket:ready"),
		applet.Switch(&o.interpreted, "interpreted i", "OpenRC: match the interpreter of the script that --exec names"),
		applet.Switch(&o.progress, "progress P", "OpenRC: accepted; a stop prints no dots"),
		applet.Verbatim(&o.io, "ionice I", "CLASS[:N]", "OpenRC: the I/O class, as a number"),
		applet.Verbatim(&o.oom, "oom-score-adj", "N", "OpenRC: the out-of-memory killer's preference, -1000 to 1000"),
		applet.Verbatim(&o.procsched, "scheduler", "POLICY", "OpenRC: other, fifo, rr, batch, idle or a number"),
		applet.Verbatim(&o.priority, "scheduler-priority", "N", "OpenRC: the priority in that policy"),
		applet.Verbatim(&o.capabilities, "capabilities", "LIST", "OpenRC: capabilities that it keeps, as ^cap_net_raw,^cap_kill"),
		applet.Verbatim(&o.secbits, "secbits", "BITS", "OpenRC: its securebits, as a number"),
		applet.Switch(&o.noNewPrivs, "no-new-privs", "OpenRC: deny it new privileges"),
		applet.Switch(&o.help, "help h", "show this help"),
		applet.Switch(&o.version, "version V", "show the version"),
		applet.Switch(new(bool), "nocolor C", "OpenRC: accepted"),
	}
}

// documented are the options for the manual page: dpkg's, and by their long names those of OpenRC that it lacks.
func (o *ssd) documented() []applet.Option {
	all := o.dpkg()
	for _, more := range o.ownOpenrc() {
		if more.Names = more.Names[:1]; applet.Find(all, more.Names[0]) == nil {
			all = append(all, more)
		}
	}
	return all
}
