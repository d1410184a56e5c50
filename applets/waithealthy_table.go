//go:build !pidbox_some || applet_wait_healthy

package applets

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/duration"
	"pidbox/lib/health"
)

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

// parseRegexp takes ^ and $ for the ends of a line: few bodies end without a newline.
func parseRegexp(s string) (health.Pattern, error) {
	if _, err := regexp.Compile(s); err != nil {
		return nil, fmt.Errorf("%q: %w", s, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
	}
	return regexp.Compile("(?m)" + s)
}
