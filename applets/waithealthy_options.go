//go:build !pidbox_some || applet_sipid || applet_wait_healthy

package applets

import (
	"errors"
	"fmt"
	"regexp"
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

func (o *waitHealthyOptions) options() []applet.Option {
	return []applet.Option{
		applet.Strings(&o.urls, "url", "URL", "a target, as the operands are"),
		applet.Switch(&o.exec, "exec", "the operands are a command that is the check"),
		applet.Parsed(&o.timeout, "timeout", "D", "give up after D (default 1m), or never: 0", duration.Parse),
		applet.Parsed(&o.pace.Interval, "interval polling-frequency", "D", "ask every D", applet.Positive),
		applet.Parsed(&o.pace.TryTimeout, "try-timeout", "D", "the limit of one attempt (default 5s)", applet.Positive),
		applet.Duration(&o.pace.InitialDelay, "initial-delay", "D", "wait before the first attempt"),
		applet.Parsed(&o.pace.Successes, "successes", "N", "require N healthy answers in a row (default 1)", applet.Int(1, most)),
		applet.Switch(&o.pace.Once, "once", "ask once: status 0 or 1"),
		applet.Switch(&o.pace.Any, "any", "one healthy target is enough"),
		applet.Switch(&o.pace.Invert, "invert", "wait until the targets are unhealthy"),
		pidfileOption(&o.file, "give up at once when the process that this pidfile names dies"),
		processOption(&o.pid, "the same for a process by its PID, or by PID:INODE as pid-alive --print=id prints it"),
		applet.Switch(&o.shared, "ready-shared", "with --pid-file or --pid: also believe answers of other processes"),
		applet.Parsed(&o.http.Statuses, "status", "LIST",
			"the HTTP statuses that are healthy, for example 200,300-399 (default 200)", health.ParseStatuses),
		applet.Set("header H", "NAME:VALUE|@FILE", "send this header, or those in FILE, one per line", o.addHeaders),
		applet.String(&o.http.Method, "request X", "METHOD", "the method (default GET, or POST with --data)"),
		applet.Parsed(&o.http.Body, "data d", "DATA|@FILE", "send this body", health.Given),
		applet.Parsed(&o.http.Auth, "auth", "USER:PASSWORD|@FILE", "log in by basic authentication", health.Given),
		applet.Parsed(&o.http.BodyMatch, "body-match", "RE", "the body, or a line of it, must match this regular expression",
			parseRegexp),
		applet.Parsed(&o.http.Send, "send", "TEXT|@FILE", "tcp, tls, unix: send this first (\\r, \\n, \\xHH)", health.ParseSend),
		applet.Parsed(&o.http.Expect, "expect", "RE", "tcp, tls, unix: the answer, or a line of it, must match this regular expression",
			parseRegexp),
		applet.Parsed(&o.http.MaxRedirects, "max-redirects", "N", "follow at most N redirects (default 10)", applet.Int(0, most)),
		applet.String(&o.http.UnixSocket, "unix-socket", "FILE", "send HTTP requests through this socket").As(applet.File),
		applet.String(&o.http.CACert, "cacert", "FILE", "trust these authorities instead of the system's (PEM)").As(applet.File),
		applet.String(&o.http.Cert, "cert", "FILE", "the client certificate (PEM)").As(applet.File),
		applet.String(&o.http.Key, "key", "FILE", "its key, if that is not in the same file (PEM)").As(applet.File),
		applet.String(&o.http.ServerName, "server-name", "NAME", "expect this name in the server's certificate"),
		applet.Switch(&o.http.Insecure, "insecure k", "accept any certificate"),
		applet.Switch(&o.http.NoProxy, "no-proxy", "use no proxy of the environment"),
		applet.Switch(&o.notify, "notify", "send READY=1 to the service manager (sd_notify(3)) when healthy"),
		applet.Switch(&o.json, "json", "print the result as JSON"),
	}
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
	switch {
	case o.exec && len(o.command) == 0:
		return applet.Usage("--exec needs a command: --exec -- CHECK [ARG...]")
	case !o.exec && len(o.urls) == 0 && o.http.UnixSocket == "":
		return applet.Usage("no URL given (--url URL)")
	case o.json && !o.exec && len(o.command) > 0:
		return applet.Usage("--json cannot be combined with COMMAND, which would print behind the object")
	case len(c.Args) > 0 && len(o.command) == 0 && health.Scheme(c.Args[0]) == "" && !strings.Contains(c.Args[0], "@"):
		return applet.Usage("%q is neither a URL nor HOST:PORT; a command follows --", c.Args[0])
	case o.option() != "":
		return applet.Usage("%s: options stand before the targets", o.option())
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

// option is one among the targets, or "".
func (o *waitHealthyOptions) option() string {
	for _, t := range o.urls {
		if strings.HasPrefix(t, "-") {
			return t
		}
	}
	return ""
}

// parseRegexp takes ^ and $ for the ends of a line: few bodies end without a newline.
func parseRegexp(s string) (health.Pattern, error) {
	if _, err := regexp.Compile(s); err != nil {
		return nil, fmt.Errorf("%q: %w", s, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
	}
	return regexp.Compile("(?m)" + s)
}
