//go:build !pidbox_some || applet_fault_agent

package applets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/fault"
	"pidbox/lib/fault/agent"
	"pidbox/lib/fault/disk"
	"pidbox/lib/pidfile"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

type faultAgentOptions struct {
	file     string
	rules    pidfile.Rules
	address  agent.Address
	dir      string
	grace    time.Duration
	maxHold  time.Duration
	start    bool
	command  spawn.Command
	envs     []string
	attach   agent.Attach
	scope    string
	disk     bool
	variants []string
	netns    string
}

// faultAgent breaks one member of a cluster on request and heals it again. Each fault has a hold after which it is gone,
// also if the agent was killed. COMMAND is fixed at the start: no request can run anything else.
func faultAgent() *applet.Applet {
	o := &faultAgentOptions{grace: 5 * time.Second, maxHold: 5 * time.Minute}
	return &applet.Applet{
		Name:    "fault-agent",
		Summary: "start, stop, pause, isolate and wipe a member of a cluster on request",
		Synopsis: []string{
			`-p FILE [--listen unix:PATH|HOST:PORT] [--dir D] [--token-file F] [--grace D] [--max-hold D] [--start]
				[--] COMMAND [ARG...]`,
			"-p FILE --attach [OPTION]... [[--] COMMAND [ARG...]]",
			"--unit NAME|--cgroup PATH --listen ADDRESS [OPTION]... [[--] COMMAND [ARG...]]",
		},
		Description: `
			Runs beside one member of a cluster, COMMAND, and does to it what fault-tester asks over HTTP with JSON.
			The member is started on request, or at once with --start, in a session and a control group of its own; FILE is its
			pidfile.
			Whatever it starts is part of it, also in a session of its own or without its parent, and each order reaches all of
			that.
			Where no control group can be made, the descendants are followed instead; one that is left by its parent while no agent
			runs is lost to the next agent then.
			status reports by which (reach), and of how many processes the member is.

			With --attach, --unit or --cgroup the member is one that another program starts: what FILE names with its
			descendants and its session, a unit of systemd, or what runs in a control group.
			COMMAND, if given, is what starts it, and exits (for a unit, systemctl start is the default); without it, what was
			stopped is not started again, unless its own supervisor does.
			Such a member is not stopped when the agent ends.
			A unit that is killed is stopped as well, or its Restart= would end the fault.

			GET /v1/status reports the member's state (new, running, paused, stopped, exited, wiped), its faults, and what this
			kernel cannot do.
			POST /v1/start, stop, kill, restart, pause, resume, wipe, archive and heal are orders; stop, kill, pause and wipe take
			{"hold":"5s"}, after which the member is brought back.
			PUT and DELETE /v1/faults/ID set a fault and heal it: {"kind":"drop","peers":["10.0.0.2"],"hold":"5s"}, or loss with
			percent, slow with delay and jitter, rate in bytes per second, fill with the bytes that it leaves free; direction is
			both, in or out.
			eio, enospc and slow-fsync are of the files whose names match the patterns in paths.
			PUT /v1/lease allows orders from one tester only.

			stop is TERM, the grace, KILL; kill is KILL at once; pause freezes the control group, or sends STOP.
			They return when all of the member is dead, or stands.
			What a member that exits by itself leaves is killed.
			power is a kill that takes back what the member has not synced, as a machine does that loses power; with {"tear":true}
			a part of a write stays.
			corrupt stops it, cuts bytes off its files or flips bits in them.
			wipe stops it and removes what is in the directory D; archive stops it and moves that to D/archive/TIME-N, with
			member.log, which has the member's output.

			Network faults need CAP_NET_ADMIN in the member's network namespace.
			On TERM or INT everything is healed, the member is stopped and its pidfile removed.
			A killed agent leaves the member running; the next one takes it over, and resumes it.
		`,
		Operand: applet.Command,
		Options: append([]applet.Option{
			pidfileOption(&o.file, "the member's pidfile"),
			applet.Parsed(&o.address.Listen, "listen", "ADDRESS", "unix:PATH (mode 0600) or HOST:PORT (default unix:FILE.sock beside the pidfile)",
				agent.ParseListen),
			applet.String(&o.address.TokenFile, "token-file", "F", "requests must carry the token on the first line of this file").As(applet.File),
			applet.String(&o.address.Cert, "tls-cert", "F", "use TLS with this certificate").As(applet.File),
			applet.String(&o.address.Key, "tls-key", "F", "the private key of --tls-cert").As(applet.File),
			applet.String(&o.address.ClientCA, "client-ca", "F", "require client certificates signed by this authority").As(applet.File),
			applet.String(&o.dir, "dir", "D",
				"the member's directory, with its data and log; without it, no wipe, archive and fill").As(applet.Dir),
			applet.Switch(&o.disk, "disk", "put a file system over D, for power failures and other faults of the disk"),
			applet.Duration(&o.grace, "grace", "D", "the time between TERM and KILL (default 5s)"),
			applet.Parsed(&o.maxHold, "max-hold", "D", "refuse longer holds (default 5m)", applet.Positive),
			applet.Switch(&o.start, "start", "start the member at once"),
			userOption(&o.command.User),
			applet.Parsed(&o.command.Dir, "chdir c", "DIR", "run COMMAND in DIR", directory).As(applet.Dir),
			envFileOption(&o.envs),
			applet.Each(&o.command.Limits, "limit", "NAME=VALUE", "a resource limit, for example nofile=65536 or core=unlimited",
				spawn.ParseLimit),
			applet.Strings(&o.variants, "variant", "NAME=WORDS", "another way to start COMMAND, for orders that name it: K=V words set "+
				"variables, others are further arguments, and after -- they are a command instead"),
			applet.Parsed(&o.scope, "scope", "SCOPE", "find the member's processes by cgroup or by tree (default cgroup where one can be made)",
				scopeOf),
			applet.String(&o.netns, "netns", "PID|FILE", "put network faults into the network namespace of this process, or of this file"),
			applet.Switch(&o.attach.PIDFile, "attach", "the member that FILE names is started by another program, or by COMMAND, which exits"),
			applet.String(&o.attach.Unit, "unit", "NAME", "the member is this unit of systemd"),
			applet.String(&o.attach.Group, "cgroup", "PATH", "the member is what runs in this control group"),
		}, ruleOptions(&o.rules)...),
		Exclusive: [][]string{{"attach", "unit", "cgroup"}},
		Statuses: []applet.Item{
			{Name: "0", Text: "stopped on request, and the member with it"},
			{Name: "1", Text: "another agent is listening there"},
			{Name: "2", Text: "the member survived the stop"},
			{Name: "4", Text: "unsafe: others could give orders, or could have written the pidfile"},
			{Name: "64", Text: "usage"},
			{Name: "75", Text: "pidfile lock busy"},
			{Name: "125", Text: "own failure, or not on Linux"},
			{Name: "126", Text: "COMMAND is not executable"},
			{Name: "127", Text: "COMMAND was not found"},
		},
		Environment: []applet.Item{
			{Name: "PATH", Text: "where COMMAND is looked for"},
			{Name: agent.GuardVariable, Text: "set by the agent for the process that ends a pause; not for other uses"},
		},
		Files: []applet.Item{
			{Name: "FILE", Text: "the member's pidfile"},
			{Name: "FILE.sock", Text: "the socket for orders, unless --listen says otherwise; mode 0600"},
			{Name: "D/member.log", Text: "the member's output"},
			{Name: "D/archive", Text: "what was moved away"},
		},
		Examples: []applet.Example{
			{Text: "An agent beside a member of etcd, and a first order:", Lines: []string{
				"fault-agent -p /run/etcd.pid --dir /var/lib/etcd --start -- etcd &",
				"wait-healthy unix:/run/etcd.pid.sock",
				"curl --unix-socket /run/etcd.pid.sock -d '{\"hold\":\"5s\"}' http://_/v1/pause",
			}},
			{Text: "For a tester on another machine:", Lines: []string{
				`fault-agent -p /run/etcd.pid --listen 10.0.0.1:9027 \`,
				"    --token-file /etc/fault.token -- etcd",
			}},
		},
		Caveats: `
			Faults in force when the agent is killed end by themselves: those of the network by timeouts in the kernel, within
			their hold; a full disk at once, because the file that fills it has no name; a pause at once, because a process of its
			own holds it.
			If that process is killed in the same moment, the next agent resumes the member.
			A member that was stopped for a hold stays stopped.

			Packets are matched by the peer's address, in both directions and whatever their protocol, in one nftables table of
			the agent's own, which is removed when the agent starts and exits.
			The agent's own TCP port always passes.
			Other tables may drop what this one lets pass.

			power, eio, enospc and slow-fsync need --disk: a file system of its own (FUSE) over D, in a process that outlives a
			killed agent as the member does.
			Where it cannot be had, or FILE or the socket lies in D, they are refused with the reason.
			An fsync makes the data of its file last, and all names made, moved or removed before, as on ext4; what sync(2) writes is
			not noticed.
			Nothing is lost but by power: if that process is killed, the member sees errors, and D has all that was written.

			slow holds packets in the agent by NFQUEUE; a packet that is held when the agent exits is lost, and later ones pass.

			Without a token, root and the agent's own user can give orders, by the UNIX socket as on loopback, where the kernel is
			asked whose the connection is.
			HOST:PORT other than loopback is refused without --token-file or --client-ca.
			Each order is logged on standard error, with who gave it.
			Without TLS, a token can be read in transit.
		`,
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
	if config := os.Getenv(disk.Variable); config != "" {
		return agent.ServeDisk(config, c.Stdout)
	}
	if err := o.check(c); err != nil {
		return err
	}
	command, err := o.prepare(c)
	if err != nil {
		return err
	}
	ctx, stop := signals.Until(context.Background()) // before anything can connect
	defer stop()
	listener, token, err := o.address.Open()
	if err != nil {
		return err
	}
	defer listener.Close()
	config := agent.Config{
		PIDFile: o.file, Rules: o.rules, Command: command, Variants: map[string]agent.Variant{}, Scope: o.scope, NetNS: o.netns,
		Guard: spawn.Command{Path: "/proc/self/exe", Args: []string{c.Name}, Env: os.Environ()},
		Dir:   o.dir, Disk: o.disk, Mine: []string{o.address.Socket(), o.address.TokenFile, o.address.Cert, o.address.Key, o.address.ClientCA},
		Grace: o.grace, MaxHold: o.maxHold, Table: agent.TableName(o.file + o.attach.Unit + o.attach.Group), Port: agent.PortOf(listener),
		Certified: o.address.ClientCA != "", Log: c.Say,
	}
	for _, text := range o.variants {
		name, v, _ := agent.ParseVariant(text) // which check has parsed
		config.Variants[name] = v
	}
	if o.attach != (agent.Attach{}) {
		config.Attach = &o.attach
	}
	a, err := agent.New(config)
	if err != nil {
		return err
	}
	if o.start {
		if err := a.Start(fault.Order{}); err != nil {
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

// prepare is the member's command, with what it is to have; none for a member that another program starts.
func (o *faultAgentOptions) prepare(c *applet.Call) (cmd spawn.Command, err error) {
	cmd = o.command
	cmd.Args, cmd.Env = c.Args, os.Environ()
	for _, file := range o.envs {
		more, err := spawn.ParseEnvFile(file, cmd.User, o.rules.AllowInsecure)
		if err != nil {
			return cmd, err
		}
		cmd.Env = spawn.MergeEnv(cmd.Env, more)
	}
	cmd.Env = cmd.User.Environ(cmd.Env)
	if file, ok := c.Stderr.(*os.File); ok {
		cmd.Stdout, cmd.Stderr = file, file
	}
	if len(c.Args) > 0 {
		_, err = spawn.LookPath(c.Args[0], os.Getenv("PATH"), cmd.Dir)
	}
	return cmd, err
}

func (o *faultAgentOptions) check(c *applet.Call) error {
	elsewhere := o.attach.Unit != "" || o.attach.Group != ""
	switch {
	case !elsewhere || o.attach.PIDFile:
		if err := needPidfileBefore(c, o.file); err != nil {
			return err
		}
	case o.address.Listen == "" && o.file == "":
		return applet.Usage("no address given (--listen ADDRESS)")
	}
	if !elsewhere && !o.attach.PIDFile {
		if err := needCommand(c); err != nil {
			return err
		}
	}
	for _, text := range o.variants {
		if _, _, err := agent.ParseVariant(text); err != nil {
			return applet.Usage("--variant: %w", err)
		}
	}
	if o.address.Listen == "" {
		o.address.Listen = "unix:" + o.file + ".sock"
	}
	return nil
}

func scopeOf(s string) (string, error) {
	if s != agent.ScopeGroup && s != agent.ScopeTree {
		return "", fmt.Errorf("%q is neither cgroup nor tree", s)
	}
	return s, nil
}
