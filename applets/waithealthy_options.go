//go:build !pidbox_some || applet_sipid || applet_wait_healthy

package applets

import (
	"slices"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/health"
	"pidbox/lib/pidfile"
)

type waitHealthyOptions struct {
	urls    []string
	command []string
	exec    bool
	timeout time.Duration
	pace    health.Pace
	http    health.Options
	file    string
	rules   pidfile.Rules
	pid     processID
	json    bool
	notify  bool
	shared  bool
}

// most is the bound of numbers for which there is no higher use.
const most = 65535

// meant is for which targets the options are that have no meaning for others.
func meant() []struct{ schemes, options, needs string } {
	return []struct{ schemes, options, needs string }{
		{"http https h2c", "status request data body-match max-redirects", "an http or https URL"},
		{"http https h2c grpc grpcs", "header auth unix-socket", "an http or https URL"},
		{"http https grpcs tls", "cacert cert key server-name insecure", "an http or https URL"}, // a redirect may lead to https
		{"http https grpcs", "no-proxy", "an http or https URL"},
		{"tcp tls unix", "send expect", "a tcp, tls or unix target"},
	}
}

func (o *waitHealthyOptions) addHeaders(s string) error {
	text, err := health.Given(s)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			o.http.Headers = append(o.http.Headers, line)
		}
	}
	return nil
}

// check finds what is wrong with the command line beyond single options.
func (o *waitHealthyOptions) check(c *applet.Call) error {
	switch stray := o.stray(c); {
	case o.exec && len(o.command) == 0:
		return applet.Usage("--exec needs a command: --exec -- CHECK [ARG...]")
	case !o.exec && len(o.urls) == 0 && o.http.UnixSocket == "":
		return applet.Usage("no URL given (--url URL)")
	case o.json && !o.exec && len(o.command) > 0:
		return applet.Usage("--json cannot be combined with COMMAND, which would print behind the object")
	case stray == "":
	case stray[0] == '-':
		return applet.Usage("%s: options stand before the targets", stray)
	default:
		return applet.Usage("%q is neither a URL nor HOST:PORT; a command follows --", stray)
	}
	switch {
	case o.pace.Once && o.pace.Successes > 1:
		return applet.Usage("--once cannot be combined with --successes %d", o.pace.Successes)
	case o.timeout > 0 && o.pace.InitialDelay >= o.timeout:
		return applet.Usage("--initial-delay must be less than --timeout")
	}
	return o.useful(c)
}

// useful refuses options that would be ignored.
func (o *waitHealthyOptions) useful(c *applet.Call) error {
	schemes := map[string]bool{"http": o.http.UnixSocket != "" && len(o.urls) == 0}
	for _, url := range o.urls {
		schemes[health.Scheme(url)] = true
	}
	is := func(scheme string) bool { return schemes[scheme] }
	for _, m := range meant() {
		if slices.ContainsFunc(strings.Fields(m.schemes), is) {
			continue
		}
		for _, name := range strings.Fields(m.options) {
			if c.Given(name) {
				return applet.Usage("--%s needs %s", name, m.needs)
			}
		}
	}
	return nil
}

// stray is the first operand among the targets that can be none, or ""; what may hold a password is not shown.
func (o *waitHealthyOptions) stray(c *applet.Call) string {
	for _, t := range o.urls {
		if slices.Contains(c.Args, t) && t != "" && health.Scheme(t) == "" && !strings.Contains(t, "@") {
			return t
		}
	}
	return ""
}
