//go:build !pidbox_some || applet_sipid

package applets

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/pidfile"
	"pidbox/lib/signals"
)

// sipid takes the place of the tool of that name in the scripts of BOSH releases: its command line, its statuses 0
// and 1, and what it documents. The work is that of pid-claim, pid-kill and wait-healthy, with their guarantees: a
// process that may not be signalled is not taken for dead, nor a zombie for alive, no symbolic link is followed, and
// a kill that did not work is no success.
func sipid() *applet.Applet {
	claim, kill, wait := sipidClaim(), sipidKill(), sipidWait()
	list := []*sipidCommand{claim, kill, wait}
	a := &applet.Applet{
		Name:    "sipid",
		Summary: "claim, kill and wait-until-healthy, compatible with the tool of that name",
		Description: `
			A drop-in replacement for scripts that call sipid.
			An option may have one dash or two, and its value behind = or as the next argument.

			claim writes PID to FILE unless a live process is named there.
			kill sends TERM to the process that FILE names, KILL after 20 s, and removes FILE when it is gone; nothing to kill
			is success.
			wait-until-healthy asks URL at once and then at each POLL until it answers with status 200.
		`,
		Statuses: []applet.Item{
			{Name: "0", Text: "done: claimed, killed, healthy"},
			{Name: "1", Text: "not done, for any reason"},
		},
		Environment: []applet.Item{
			{Name: "HTTP_PROXY, HTTPS_PROXY, NO_PROXY", Text: "proxies of wait-until-healthy, as in wait-healthy(1)"},
		},
		Files: []applet.Item{{Name: "FILE", Text: "the pidfile, as pid-claim(1) writes it"}},
		Examples: []applet.Example{
			{Text: "In the start script of a BOSH job:", Lines: []string{
				`sipid claim --pid "$$" --pid-file /var/vcap/sys/run/web/web.pid || exit 1`,
				"exec chpst -u vcap:vcap /var/vcap/packages/web/bin/web",
			}},
			{Text: "In its stop script:", Lines: []string{
				"sipid kill --pid-file /var/vcap/sys/run/web/web.pid --show-stacks",
			}},
			{Text: "In its post-start script:", Lines: []string{
				"sipid wait-until-healthy --url http://127.0.0.1:8080/health --timeout 2m",
			}},
		},
		Caveats: `
			The caveats of pid-claim, pid-kill and wait-healthy hold here too, with status 1 in place of 4: a FILE that other users
			could have written is refused, and so is one that does not show which process it names; then no signal is sent.
			The message names the component at fault, its owner and its mode, and the hint says what to do.

			An operand that the original tool would have ignored is ignored, with a message.

			Two options are ways out that the original tool does not have.
			--allow-insecure is for pidfiles that are symbolic links, that other users can write (umask 002 with a shared
			group, mode 666), or that lie in directories which they can write (mode 777, or 770 with a group of several
			users, if FILE has no record of a claim at that path).
			--unrecorded is for a FILE without a record whose process seems to have started after FILE was written, for
			example because the clock was set.

			Stricter than the original, on purpose: a PID that is not running, or not positive, is not claimed; a live holder
			that belongs to another user is a holder; a kill that was not permitted fails.
			More lenient: claiming again for the same process succeeds, and so does claiming from a zombie; killing what is
			not there succeeds; a stale or empty FILE is removed.

			The lock of FILE that another program holds is waited for, up to 5 s, if it is root's, the caller's, or that of FILE's
			owner or process; root ignores the lock of a user who can merely read FILE.
			If the process is gone, but another one that inherited the lock is not, kill fails and FILE stays.

			FILE holds the PID and a newline.
			A new FILE has mode 644, and new directories 755, less the umask.
			An existing FILE keeps its mode and, if root claims it and that is safe, its owner.
			It is replaced and not written in place: a program that follows it, or a hard link, keeps the old one.

			The first check is made at once and not after the first POLL, so a process that is about to exit may still answer:
			kill the old one, start the new one, and then wait.
		`,
		SeeAlso: []string{"pid-claim(1)", "pid-kill(1)", "wait-healthy(1)"},
		Failure: applet.No,
		Raw:     true,
	}
	for _, s := range list {
		a.Synopsis = append(a.Synopsis, s.synopsis)
		a.Commands = append(a.Commands, applet.Item{Name: s.name, Text: s.text})
		for _, o := range s.options {
			if applet.Find(a.Options, o.Names[0]) == nil {
				a.Options = append(a.Options, o)
			}
		}
	}
	a.Run = func(c *applet.Call) error { return runSipid(c, list) }
	return a
}

// sipidCommand is one of its commands: the options, those that must be given, and the action.
type sipidCommand struct {
	name, synopsis, text string
	options              []applet.Option
	required             []string
	run                  func(*applet.Call) error
}

func sipidClaim() *sipidCommand {
	o := &pidClaimOptions{}
	return &sipidCommand{
		name: "claim", synopsis: "claim --pid PID --pid-file FILE [--allow-insecure] [--unrecorded VERDICT]",
		text: "write PID to FILE, unless a live process is named there",
		options: append([]applet.Option{
			applet.Parsed(&o.pid, "pid", "PID", "the process to claim for", applet.PID),
			sipidFile(&o.file),
		}, sipidRules(&o.rules)...),
		required: []string{"pid", "pid-file"},
		run:      o.run,
	}
}

func sipidKill() *sipidCommand {
	o := &pidKillOptions{schedule: signals.Default(), began: time.Now()}
	stacks := false
	return &sipidCommand{
		name: "kill", synopsis: "kill --pid-file FILE [--show-stacks] [--allow-insecure] [--unrecorded VERDICT]",
		text: "stop the process that FILE names, and remove FILE",
		options: append([]applet.Option{
			sipidFile(&o.file),
			applet.Switch(&stacks, "show-stacks", "kill: send QUIT and wait 1 s before KILL"),
		}, sipidRules(&o.rules)...),
		required: []string{"pid-file"},
		run: func(c *applet.Call) error {
			if stacks {
				o.schedule = o.schedule.WithStacks(time.Second)
			}
			return o.run(c)
		},
	}
}

func sipidFile(to *string) applet.Option {
	return applet.Parsed(to, "pid-file", "FILE", "the pidfile", pidfileName).As(applet.File)
}

// sipidRules are the ways out for a release whose pidfiles pid-kill would not trust, which the tool of that name lacks.
func sipidRules(to *pidfile.Rules) []applet.Option {
	return []applet.Option{
		applet.Switch(&to.AllowInsecure, "allow-insecure", "claim, kill: act on a pidfile that other users could have written"),
		applet.Parsed(&to.Unrecorded, "unrecorded", "VERDICT",
			"claim, kill: what a process is that started after a pidfile without a record was written: doubt (the default), running or stale", unrecorded),
	}
}

func sipidWait() *sipidCommand {
	o := &waitHealthyOptions{timeout: time.Minute, http: health.Options{MaxRedirects: health.DefaultRedirects - 1}} // the tenth fails there
	o.pace = health.Pace{TryTimeout: 30 * time.Second, Interval: 5 * time.Second}
	return &sipidCommand{
		name:     "wait-until-healthy",
		synopsis: "wait-until-healthy --url URL [--timeout D] [--polling-frequency POLL]",
		text:     "wait until URL answers with status 200",
		options: []applet.Option{
			applet.Set("url", "URL", "wait-until-healthy: what to ask", func(s string) error {
				if o.urls = []string{s}; !strings.Contains(s, ":/") {
					return errors.New("no scheme, as in http://localhost:8080/")
				}
				return nil
			}),
			applet.Parsed(&o.timeout, "timeout", "D", "wait-until-healthy: give up after D (default 1m)", applet.Positive),
			applet.Parsed(&o.pace.Interval, "polling-frequency", "POLL", "wait-until-healthy: ask every POLL (default 5s)",
				applet.Positive),
		},
		required: []string{"url"},
		run:      o.run,
	}
}

func runSipid(c *applet.Call, list []*sipidCommand) error {
	if len(c.Args) == 0 {
		return sipidUsage("no command given")
	}
	if c.Args[0] == "--version" {
		return applet.ErrVersion
	}
	var names []string
	for _, s := range list {
		if names = append(names, s.name); s.name != c.Args[0] {
			continue
		}
		c.Args = c.Args[1:]
		switch err := s.parse(c); {
		case errors.Is(err, applet.ErrHelp):
			_, err := io.WriteString(c.Stdout, "usage: sipid "+s.synopsis+"\n")
			return err
		case err != nil:
			return sipidUsage("%s: %w", s.name, err)
		}
		return failed(s.name, s.run(c))
	}
	near := applet.Nearest(c.Args[0], names)
	switch c.Args[0] {
	case "stop", "pid-kill":
		near = "kill"
	case "wait", "wait-healthy", "healthy":
		near = "wait-until-healthy"
	}
	if near != "" {
		return sipidUsage("no command %q; did you mean %s?", c.Args[0], near)
	}
	return sipidUsage("no command %q: claim, kill or wait-until-healthy", c.Args[0])
}

// parse reads the options and wants all of those that are required.
func (s *sipidCommand) parse(c *applet.Call) error {
	given, operands, err := sipidFlags(s.options, c.Args)
	if err != nil {
		return err
	}
	for _, name := range s.required {
		if meant := meantFor(name, operands); !given[name] && meant != "" {
			return fmt.Errorf("--%s is missing; did you mean --%s %s?", name, name, meant)
		} else if !given[name] {
			return fmt.Errorf("--%s is missing", name)
		}
	}
	if c.Args = nil; len(operands) > 0 {
		c.Say("%s: ignored: %s", s.name, strings.Join(operands, " "))
	}
	return nil
}

// meantFor is the first operand that can be the value of a required option, or "".
func meantFor(option string, operands []string) string {
	for _, s := range operands {
		if _, err := applet.PID(s); (err == nil) == (option == "pid") && !strings.HasPrefix(s, "-") {
			return s
		}
	}
	return ""
}

// failed is err under the one status that sipid has for it.
func failed(name string, err error) error {
	var known *applet.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known) && known.Err == nil:
		return applet.Exit(applet.No)
	}
	return applet.Fail(applet.No, "%s failed: %w", name, err)
}

func sipidUsage(format string, args ...any) error {
	return applet.WithHint(applet.Fail(applet.No, format, args...), "see 'sipid --help'")
}
