package applets

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/health"
	"pidbox/lib/pidfile"
)

type waitHealthyOptions struct {
	urls    []string
	exec    bool
	timeout time.Duration
	pace    health.Pace
	http    health.Options
	webOnly []string // options given that mean something to HTTP alone
	file    string
	rules   pidfile.Rules
	pid     int
	json    bool
	notify  bool
}

func (o *waitHealthyOptions) options() []applet.Option {
	positive := func(to *time.Duration, names, text string) applet.Option {
		return applet.Parsed(to, names, "D", text, parsePositive)
	}
	given := func(to *string, names, arg, text string) applet.Option {
		return applet.Parsed(to, names, arg, text, health.Given)
	}
	file := pidfileOption(&o.file)
	file.Text = "give up at once when the process that this pidfile names dies"
	web := func(opt applet.Option) applet.Option { return noting(&o.webOnly, opt) }
	return []applet.Option{
		applet.Strings(&o.urls, "url", "URL", "a target"),
		applet.Switch(&o.exec, "exec", "the operands are a command that is the check"),
		positive(&o.timeout, "timeout", "give up after D (default 1m)"),
		positive(&o.pace.Interval, "interval polling-frequency", "ask every D"),
		positive(&o.pace.TryTimeout, "try-timeout", "the limit of one attempt (default 5s)"),
		applet.Duration(&o.pace.InitialDelay, "initial-delay", "D", "wait before the first attempt"),
		applet.Parsed(&o.pace.Successes, "successes", "N", "want N healthy answers in a row (default 1)", parseCount),
		applet.Switch(&o.pace.Once, "once", "ask once: status 0 or 1"),
		applet.Switch(&o.pace.Any, "any", "one healthy target is enough"),
		applet.Switch(&o.pace.Invert, "invert", "wait until the targets are unhealthy"),
		file,
		applet.Parsed(&o.pid, "pid", "PID", "the same for a process by its number", parsePID),
		web(applet.Parsed(&o.http.Statuses, "status", "LIST", "the HTTP statuses that are healthy, as 200,300-399 (default 200)", health.ParseStatuses)),
		web(applet.Set("header H", "NAME:VALUE|@FILE", "send this header, or those in FILE, a line each", o.addHeaders)),
		web(applet.String(&o.http.Method, "request X", "METHOD", "the method (default GET, or POST with --data)")),
		web(given(&o.http.Body, "data d", "DATA|@FILE", "send this body")),
		web(given(&o.http.Auth, "auth", "USER:PASSWORD|@FILE", "log in by basic authentication")),
		web(applet.Parsed(&o.http.BodyMatch, "body-match", "RE", "the body, or a line of it, must match this regular expression", parseRegexp)),
		web(applet.Parsed(&o.http.MaxRedirects, "max-redirects", "N", "follow so many redirects (default 10)", parseRedirects)),
		web(applet.String(&o.http.UnixSocket, "unix-socket", "FILE", "speak HTTP through this socket").As(applet.File)),
		web(applet.String(&o.http.CACert, "cacert", "FILE", "trust these authorities instead of the system's (PEM)").As(applet.File)),
		web(applet.String(&o.http.Cert, "cert", "FILE", "show this certificate to the server (PEM)").As(applet.File)),
		web(applet.String(&o.http.Key, "key", "FILE", "its key, if that is not in the same file (PEM)").As(applet.File)),
		web(applet.String(&o.http.ServerName, "server-name", "NAME", "expect this name in the server's certificate")),
		web(applet.Switch(&o.http.Insecure, "insecure k", "believe any certificate")),
		applet.Switch(&o.notify, "notify", "tell the service manager READY=1 (sd_notify(3)) when healthy"),
		applet.Switch(&o.json, "json", "print the result as JSON"),
	}
}

// noting makes an option leave its name behind when it is given.
func noting(names *[]string, opt applet.Option) applet.Option {
	if _, isSwitch := opt.Value.(interface{ IsBoolFlag() bool }); isSwitch {
		return opt
	}
	value := opt.Value
	noted := applet.Set("", "", "", func(s string) error {
		*names = append(*names, applet.Dashed(opt.Names[0]))
		return value.Set(s)
	})
	opt.Value = noted.Value
	return opt
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
	if o.http.Insecure {
		o.webOnly = append(o.webOnly, "--insecure")
	}
	isWeb := o.http.UnixSocket != "" && len(o.urls) == 0
	for _, url := range o.urls {
		isWeb = isWeb || strings.HasPrefix(strings.ToLower(url), "http")
	}
	switch {
	case o.exec && len(c.Args) == 0:
		return applet.Usage("--exec needs a command: --exec -- CHECK [ARG...]")
	case !o.exec && len(o.urls) == 0 && o.http.UnixSocket == "":
		return applet.Usage("nothing to ask (--url URL)")
	case o.file != "" && o.pid != 0:
		return applet.Usage("--pid-file and --pid both name the process to watch")
	case o.http.Key != "" && o.http.Cert == "":
		return applet.Usage("--key needs --cert")
	case o.pace.Once && o.pace.Successes > 1:
		return applet.Usage("--once asks once, and --successes wants %d answers", o.pace.Successes)
	case o.pace.InitialDelay >= o.timeout:
		return applet.Usage("--initial-delay leaves no time before the --timeout for an attempt")
	case len(o.webOnly) > 0 && !isWeb:
		return applet.Usage("%s is for http and https, and no URL is of these", o.webOnly[0])
	}
	return nil
}

func parsePositive(s string) (time.Duration, error) {
	d, err := duration.Parse(s)
	if err == nil && d == 0 {
		err = fmt.Errorf("%q is no time at all", s)
	}
	return d, err
}

func parseCount(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a number of 1 to 65535", s)
	}
	return int(n), nil
}

func parseRedirects(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of 0 to 65535", s)
	}
	return int(n), nil
}

// parseRegexp takes ^ and $ for the ends of a line: few bodies end without a newline.
func parseRegexp(s string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(s); err != nil {
		return nil, fmt.Errorf("%q: %w", s, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
	}
	return regexp.Compile("(?m)" + s)
}
