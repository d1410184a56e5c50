//go:build !pidbox_some || applet_wait_healthy

package applets

import (
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/health"
)

// waitHealthy returns the moment a service answers as it should, or says why it did not. It ends at once, not at the
// timeout, when the process that was to become healthy dies: its pidfd is watched, so that no number is taken for
// another. An answer is of its moment; the service may fall ill while this returns.
func waitHealthy() *applet.Applet {
	o := &waitHealthyOptions{
		timeout: time.Minute,
		http:    health.Options{MaxRedirects: health.DefaultRedirects},
		pace:    health.Pace{TryTimeout: 5 * time.Second, Successes: 1},
	}
	return &applet.Applet{
		Name:    "wait-healthy",
		Summary: "wait until a service answers, or report why it does not",
		Synopsis: []string{
			"--url URL... [OPTION...] [-- COMMAND [ARG...]]",
			"[OPTION...] URL|HOST:PORT... [-- COMMAND [ARG...]]",
			"--exec [OPTION...] -- CHECK [ARG...]",
		},
		Description: `
			URL is one of these; HOST:PORT alone is tcp.
			http://HOST[:PORT]/PATH and https: are healthy when the answer has status 200; https is HTTP/2 where the server
			chooses that (ALPN), and h2c: is HTTP/2 without TLS.
			grpc://HOST:PORT[?service=NAME], and grpcs: with TLS, are healthy when the standard health service of gRPC
			(grpc.health.v1.Health) answers SERVING for the server, or for the service NAME.
			tcp://HOST:PORT, tls: and unix:/PATH are healthy when a connection is accepted, with tls: also encrypted with a
			certificate that is accepted.
			Something that forwards a port may accept connections before there is a service: with --expect an answer is wanted.
			file:/PATH is healthy when there is such a file.
			exec:CHECK, which is run by sh(1), and CHECK are healthy when the command exits with 0.

			All targets must be healthy at one moment, or one with --any: when the last has become healthy all are asked once more.

			Whether a target is healthy or not is one thing, and whether it could be asked another: a name server that does not
			answer, a proxy, a certificate that is not accepted, a server that speaks no TLS where the URL wants it, missing
			rights, a CHECK that exits with 126 or 127.
			Then the wait goes on, also with --invert, and --once exits with 4.
			A CHECK that cannot be executed at all ends the wait at once.

			Every address of a name has its chance within one attempt: the next one is tried beside those that have not answered
			after 250 ms.
			Changes of /etc/hosts and /etc/resolv.conf are seen by the next attempt.

			The first attempt is made at once, the next after a sixth of the time waited so far, from 50 ms to 1 s; --interval
			sets a fixed pace, of 1 ms at the least.
			With --interval a target of this machine that refuses the connection is looked at twenty times as often, but not
			more than every half millisecond: that costs next to nothing, and no service sees it.
			COMMAND is executed in place of wait-healthy once the targets are healthy.

			At the timeout, the number of attempts and the reason for the last failure are reported.
			On a terminal, or with --verbose, each attempt is reported.
		`,
		Operand:  applet.Command,
		Operands: applet.Operands{Amid: true, Until: "exec"},
		Options:  append(o.options(), ruleOptions(&o.rules)...),
		Details: append([]applet.Item{
			{Name: "invert", Text: `
				For the end of a service, or a port that is to become free.
				Only an answer that says no is enough: where the target could not be asked, the wait goes on.`},
			{Name: "once", Text: `
				For health checks of containers and for conditions in scripts.
				0 is healthy, 1 is not, 4 could not be asked; --timeout and --try-timeout bound it.`},
			{Name: "pid-file", Text: `
				A server that dies while it is waited for is noticed at once, with status 3, and not at the timeout; and an older
				server that still answers at the address is not taken for it.`},
			{Name: "expect", Text: `
				For protocols in which the server speaks first, as 220 of SMTP and SSH's version, or answers a line, as PING and PONG
				of Redis: --send 'PING\r\n' --expect PONG.`},
		}, ruleDetails()...),
		Exclusive: [][]string{{"pid-file", "pid"}},
		Requires: []applet.Need{
			{Option: "key", OneOf: []string{"cert"}},
			{Option: "send", OneOf: []string{"expect"}},
			{Option: "ready-shared", OneOf: []string{"pid-file", "pid"}},
		},
		Statuses: waitHealthyStatuses(),
		Examples: []applet.Example{
			{Text: "Wait for a server that was just started, but no longer than it lives:", Lines: []string{
				"wait-healthy --url http://localhost:8080/health -p /run/web.pid --timeout 2m",
			}},
			{Text: "Ask once, for a container's health check:", Lines: []string{
				"wait-healthy --once --timeout 3s --url http://localhost:8080/health",
			}},
			{Text: "Start a client when its database accepts connections:", Lines: []string{
				"wait-healthy --url tcp://db:5432 -- client --verbose",
			}},
			{Text: "Wait for an answer, and not just for an open port:", Lines: []string{
				`wait-healthy --send 'PING\r\n' --expect '^\+PONG' redis:6379`,
				"wait-healthy --expect '^220 ' mail:25",
			}},
			{Text: "Wait by a command of the service's own:", Lines: []string{"wait-healthy --exec --timeout 30 -- pg_isready -q"}},
		},
		Environment: []applet.Item{
			{Name: "PATH", Text: "where CHECK and COMMAND are looked for"},
			{Name: "HTTP_PROXY, HTTPS_PROXY, NO_PROXY",
				Text: "proxies for http and https, also in lower case; not used for this machine's names and addresses"},
			{Name: "SSL_CERT_FILE, SSL_CERT_DIR", Text: "the certificates of the authorities that are trusted, if not the system's"},
			{Name: "NOTIFY_SOCKET", Text: "where --notify sends READY=1"},
		},
		Files: []applet.Item{{Name: "FILE", Text: "the pidfile of the watched process, never changed"}},
		Caveats: `
			With --pid-file or --pid a healthy answer of this machine counts only if the process, a descendant of it or a member
			of its session has the socket open that listens there, and of a redirect wherever it leads on this machine.
			Otherwise the target counts as one that could not be asked, and the message names the process that answered;
			--ready-shared is for servers that share a port (SO_REUSEPORT) and for proxies in front of them.
			Who answers on other machines, and for commands and files, cannot be seen, and is believed.

			The state is that of one moment.
			A later question may find the service unhealthy again; --successes makes that less likely.

			A value of @FILE keeps a secret off the command line, which every user can read.
			Messages show URLs without password and query.

			There are servers that cannot be asked with --insecure either: those with a certificate that cannot be read or has a
			key for RSA-PSS only, and those that agree on keys by DHE only.
			exec:'curl -kfsS URL' asks them.

			Each attempt opens a new connection and leaves none behind.
			Of a body at most 1 MiB is read, of headers 64 KiB.
			A body of up to 64 KiB whose length is announced must be complete.
			A redirect is followed to http and https only, and the headers that were given go to the first server only.

			A CHECK runs in a process group of its own, which is killed when it exits or its time is up; processes that have
			left the group are not found.

			A pidfile that names no running process is a failure at once: write it before waiting.
			One that other users could have written is refused with status 4, as by pid-alive(1).
		`,
		SeeAlso: []string{"pidbox-json(5)", "daemonize(1)", "keep-alive(1)", "pid-alive(1)", "sd_notify(3)", "curl(1)"},
		Run:     o.run,
	}
}

func waitHealthyStatuses() []applet.Item {
	return []applet.Item{
		{Name: "0", Text: "healthy"},
		{Name: "1", Text: "--once: unhealthy"},
		{Name: "3", Text: "the watched process died, or was not running"},
		{Name: "4", Text: "the pidfile is unsafe, or unclear which process it names; --once: a target could not be asked"},
		{Name: "64", Text: "usage"},
		{Name: "124", Text: "not healthy within the time limit"},
		{Name: "125", Text: "own failure, for example a file that cannot be read"},
		{Name: "126", Text: "COMMAND or CHECK cannot be executed"},
		{Name: "127", Text: "COMMAND or CHECK was not found"},
		{Name: "128+n", Text: "killed by signal n"},
	}
}
