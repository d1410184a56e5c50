//go:build !pidbox_some || applet_sipid || applet_wait_healthy

package applets

import (
	"slices"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/health"
	"pidbox/lib/pidfile"
)

type waitHealthyOptions struct {
	urls    []string
	command []string
	none    bool // there is a -- and nothing behind it
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
	case o.none && !o.exec:
		return applet.Usage("no COMMAND stands behind --")
	case o.json && !o.exec && len(o.command) > 0:
		return applet.Usage("--json cannot be combined with COMMAND, which would print behind the object")
	case stray != "":
		return applet.Usage("%q is neither a URL nor HOST:PORT; %s", stray, o.meant(c, stray))
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

// meant is what a stray operand is likely to be, as a clause.
func (o *waitHealthyOptions) meant(c *applet.Call, stray string) string {
	host, rest, _ := strings.Cut(stray, ":")
	path := strings.IndexByte(rest, '/')
	i := slices.Index(o.urls, stray)
	number := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	_, limit := duration.Parse(stray)
	switch {
	case i > 0 && limit == nil && !c.Given("timeout") && !(number(stray) && len(stray) > 3): // a port has more digits
		return "a time limit is given by --timeout " + stray
	case number(strings.TrimPrefix(stray, ":")):
		return "did you mean localhost:" + strings.TrimPrefix(stray, ":") + "?"
	case i == 0 && len(o.urls) > 1 && number(o.urls[1]):
		return "did you mean " + stray + ":" + o.urls[i+1] + "?"
	case strings.HasPrefix(stray, "/"), strings.HasPrefix(stray, "./"):
		return "did you mean file:" + stray + " or unix:" + stray + "?"
	case len(rest) > 1 && health.OverNetwork(host):
		return "did you mean " + host + "://" + strings.TrimLeft(rest, "/") + "?"
	case strings.HasPrefix(stray, "http//"), strings.HasPrefix(stray, "https//"):
		return "did you mean " + strings.Replace(stray, "//", "://", 1) + "?"
	case path > 0 && number(rest[:path]), rest == "" && strings.Contains(stray, "/") && !strings.Contains(stray, " "):
		return "did you mean http://" + stray + "?"
	case strings.ContainsAny(stray, ", ") && strings.Contains(stray, ":"):
		return "each target is an argument of its own"
	case rest != "" && !strings.Contains(stray, "//"):
		return "the port is a number"
	case strings.Count(stray, ",") == 1 && number(stray[strings.IndexByte(stray, ',')+1:]):
		return "did you mean " + strings.Replace(stray, ",", ":", 1) + "?"
	case strings.ContainsAny(stray, " \t"):
		return "a command that is the check follows --exec --, and one that is run afterwards --"
	case strings.Contains(stray, "."), host == "localhost", strings.HasPrefix(stray, "["):
		return "the port is missing: write " + host + ":PORT"
	}
	return "a command follows --"
}
