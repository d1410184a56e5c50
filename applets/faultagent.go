package applets

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/fault/agent"
	"pidbox/lib/pidfile"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

type faultAgentOptions struct {
	file    string
	rules   pidfile.Rules
	address agent.Address
	dir     string
	grace   time.Duration
	maxHold time.Duration
	start   bool
}

// faultAgent breaks one member of a cluster on request and heals it again. Each fault has a hold after which it is gone,
// also if the agent was killed. COMMAND is fixed at the start: no request can run anything else.
func faultAgent() *applet.Applet {
	o := &faultAgentOptions{grace: 5 * time.Second, maxHold: 5 * time.Minute}
	return &applet.Applet{
		Name:     "fault-agent",
		Summary:  "start, stop, pause, isolate and wipe a member of a cluster on request",
		Synopsis: []string{"-p FILE [--listen unix:PATH|HOST:PORT] [--dir D] [--token-file F] [--grace D] [--max-hold D] [--start] [--] COMMAND [ARG...]"},
		Description: []string{
			"Runs beside one member of a cluster, COMMAND, and does to it what fault-tester asks over HTTP with JSON. The member is started when asked, or at once with --start, in a session of its own; FILE is its pidfile.",
			"GET /v1/status tells the member's state (new, running, paused, stopped, exited, wiped), its faults, and what this kernel cannot do. POST /v1/start, stop, kill, restart, pause, resume, wipe, archive and heal are orders; stop, kill, pause and wipe take {\"hold\":\"5s\"}, after which the member is brought back. PUT and DELETE /v1/faults/ID put a fault and heal it: {\"kind\":\"drop\",\"peers\":[\"10.0.0.2\"],\"hold\":\"5s\"}, or loss with percent, slow with delay and jitter, rate in bytes a second, fill with the bytes it leaves free; direction is both, in or out. PUT /v1/lease makes one tester the only one who may give orders.",
			"stop is TERM, the grace, KILL; kill is KILL at once; both reach the member's whole session, and return when it is dead. What a member that ends by itself leaves in its session is killed. wipe stops it and removes what is in the directory D; archive stops it and moves that to D/archive/TIME-N, with member.log, where the member's output is.",
			"Network faults need CAP_NET_ADMIN in the member's network namespace. On TERM or INT everything is healed, the member stopped and its pidfile removed. A killed agent leaves the member running; the next one takes it over, and resumes it.",
		},
		Operand: applet.Command,
		Options: append([]applet.Option{
			pidfileOption(&o.file),
			applet.String(&o.address.Listen, "listen", "ADDRESS", "unix:PATH (mode 0600) or HOST:PORT (default unix:FILE.sock beside the pidfile)"),
			applet.String(&o.address.TokenFile, "token-file", "F", "requests must carry the token on the first line of this file").As(applet.File),
			applet.String(&o.address.Cert, "tls-cert", "F", "speak TLS with this certificate").As(applet.File),
			applet.String(&o.address.Key, "tls-key", "F", "and this key").As(applet.File),
			applet.String(&o.address.ClientCA, "client-ca", "F", "askers must have a certificate of this authority").As(applet.File),
			applet.String(&o.dir, "dir", "D", "the member's directory, with its data and log; without one there is no wipe, archive and fill").As(applet.Dir),
			applet.Duration(&o.grace, "grace", "D", "between TERM and KILL (default 5s)"),
			applet.Duration(&o.maxHold, "max-hold", "D", "refuse longer holds (default 5m)"),
			applet.Switch(&o.start, "start", "start the member at once"),
		}, ruleOptions(&o.rules)...),
		Statuses: []applet.Item{
			{Name: "0", Text: "ended on request, the member stopped"},
			{Name: "1", Text: "another agent listens there"},
			{Name: "2", Text: "the member survived the stop"},
			{Name: "4", Text: "unsafe: others could give orders, or could have written the pidfile"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "pidfile lock busy"},
			{Name: "125", Text: "own failure, or not on Linux"},
			{Name: "126", Text: "COMMAND is not executable"},
			{Name: "127", Text: "COMMAND is not there"},
		},
		Environment: []applet.Item{{Name: "PATH", Text: "where COMMAND is searched for"}, {Name: agent.GuardVariable, Text: "set by the agent for the process that ends a pause; not for other uses"}},
		Files: []applet.Item{
			{Name: "FILE", Text: "the member's pidfile"},
			{Name: "FILE.sock", Text: "where orders are taken, unless --listen says otherwise; mode 0600"},
			{Name: "D/member.log", Text: "what the member writes"},
			{Name: "D/archive", Text: "what was moved away"},
		},
		Examples: []applet.Example{
			{Text: "An agent beside a member of etcd, and a first order:", Lines: []string{
				"fault-agent -p /run/etcd.pid --dir /var/lib/etcd --start -- etcd &",
				"curl --unix-socket /run/etcd.pid.sock -d '{\"hold\":\"5s\"}' http://_/v1/pause",
			}},
			{Text: "For a tester on another machine:", Lines: []string{`fault-agent -p /run/etcd.pid --listen 10.0.0.1:9027 \`, "    --token-file /etc/fault.token -- etcd"}},
		},
		Caveats: []string{
			"Faults that are in force when the agent is killed end by themselves: those of the network by timeouts in the kernel, within their hold; a full disk at once, for the file that fills it has no name; a pause at once, for a process of its own holds it. If that process is killed in the same moment, the next agent resumes the member. A member that was stopped for a hold stays stopped.",
			"Packets are met by the peer's address, in both directions and whatever their protocol, in one nftables table of the agent's own, which is removed at its start and end. The agent's own TCP port always passes. Other tables may drop what this one lets pass.",
			"slow holds packets in the agent by NFQUEUE; a packet that is held when the agent ends is lost, and later ones pass.",
			"Without a token anybody who can open the socket can give orders: root and its owner. HOST:PORT other than loopback is refused without --token-file or --client-ca. A token on a line without TLS can be read on the way.",
		},
		SeeAlso: []string{"fault-tester(1)", "pid-claim(1)", "nft(8)"},
		Run:     o.run,
	}
}

func (o *faultAgentOptions) run(c *applet.Call) error {
	if err := needsLinux(); err != nil {
		return err
	}
	if identity := os.Getenv(agent.GuardVariable); identity != "" {
		return agent.Guard(identity, c.Stdin, c.Stdout)
	}
	if err := o.check(c); err != nil {
		return err
	}
	command := spawn.Command{Args: c.Args, Env: os.Environ()}
	if file, ok := c.Stderr.(*os.File); ok {
		command.Stdout, command.Stderr = file, file
	}
	if _, err := spawn.LookPath(c.Args[0], os.Getenv("PATH"), ""); err != nil {
		return err
	}
	ctx, stop := signals.Until(context.Background()) // before anybody can see that it listens
	defer stop()
	listener, token, err := o.address.Open()
	if err != nil {
		return addressError(err)
	}
	defer listener.Close()
	a, err := agent.New(agent.Config{
		PIDFile: o.file, Rules: o.rules, Command: command, Guard: spawn.Command{Path: "/proc/self/exe", Args: []string{c.Name}, Env: os.Environ()},
		Dir: o.dir, Mine: []string{o.address.Socket(), o.address.TokenFile, o.address.Cert, o.address.Key, o.address.ClientCA},
		Grace: o.grace, MaxHold: o.maxHold, Table: agent.TableName(o.file), Port: agent.PortOf(listener), Log: c.Say,
	})
	if err != nil {
		return err
	}
	if o.start {
		if err := a.Start(); err != nil {
			return errors.Join(err, a.Close())
		}
	}
	c.Tell("listening on %s", o.address.Listen)
	err = a.Serve(ctx, listener, token)
	var caught *signals.Caught
	if errors.As(context.Cause(ctx), &caught) && caught.Signal != syscall.SIGTERM && caught.Signal != syscall.SIGINT {
		err = errors.Join(err, caught) // TERM and INT are how it is asked to end, and no death
	}
	return err
}

func (o *faultAgentOptions) check(c *applet.Call) error {
	switch {
	case o.file == "":
		return applet.Usage("no pidfile given (--pid-file FILE)")
	case len(c.Args) == 0:
		return applet.Usage("no COMMAND given")
	case o.maxHold <= 0:
		return applet.Usage("--max-hold: nothing could be done for no time")
	}
	if o.address.Listen == "" {
		o.address.Listen = "unix:" + o.file + ".sock"
	}
	return nil
}

func addressError(err error) error {
	var exposed *agent.ExposedError
	var syntax *agent.SyntaxError
	var taken *agent.TakenError
	switch {
	case errors.As(err, &exposed):
		return applet.WithHint(applet.Fail(applet.Unsafe, "%w", err), "%s", exposed.Hint)
	case errors.As(err, &syntax):
		return applet.Usage("%w", err)
	case errors.As(err, &taken):
		return applet.Fail(applet.No, "%w", err)
	}
	return err
}
