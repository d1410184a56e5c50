//go:build !pidbox_some || applet_fault_tester

package applets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/fault/history"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
	"pidbox/lib/fault/run"
	"pidbox/lib/resolve"
	"pidbox/lib/signals"
)

type faultTesterOptions struct {
	file          string
	patterns      []string // of the names of cases
	rounds        int
	seed          *uint64
	json          bool
	junit, html   string
	hold          time.Duration
	direction     string
	percent       float64
	delay, jitter time.Duration
	rate, leave   uint64
	noSkip        bool
	wait          time.Duration
	lasting       time.Duration // of rounds
	limit         time.Duration
	evidence      string
	model         string
	memory        uint64
	variant       string
	paths, ops    []string
	tear          bool
	flip          int
	cut           uint64
	faults        []string // explore: what is drawn from
	overlap       int
	votes         int
	shown         *applet.Progress // of the case under way
}

// faultTester breaks a cluster by its agents, in cases that a file describes, and judges how it recovers. Whatever
// ends it, the faults are healed: by itself, or by the agents when its lease or their hold is over.
func faultTester() *applet.Applet {
	o := &faultTesterOptions{hold: 5 * time.Second, rounds: -1, memory: 512 << 20, overlap: 3, votes: 3}
	return &applet.Applet{
		Name:    "fault-tester",
		Summary: "break a cluster on purpose, case by case, and judge its recovery",
		Synopsis: []string{
			"run [-c] FILE [--case GLOB] [--rounds N] [--seed S] [--json] [--junit F] [--html F]",
			"do -c FILE [--hold D] [--delay D] [--percent P] [--rate BYTES] ACTION TARGET",
			"list [-c] FILE [--case GLOB] [--rounds N] [--seed S] [--json]",
			"explore [-c] FILE [--seed S] [--for D] [--fault NAME]... [--overlap N] [--votes N] [--json] [--html F]",
			"lab -c FILE [-- COMMAND [ARG...]]",
			"up -c FILE [-- COMMAND [ARG...]]",
			"check [-c] FILE [--json]",
		},
		Description: `
			Drives the cases of FILE, in YAML, on a cluster that has a fault-agent beside each member.
			A case passes if the cluster was healthy, the fault was set and had an effect, and, once it is healed, every member
			is healthy within the time to recover, the load has not failed, the check succeeds, and no other member has exited by
			itself.
			What a kernel cannot do is SKIP, never PASS.

			A line per case goes to standard error, and the table after the last case to standard output; with --json, standard
			output has a line of JSON per case and one for the totals instead.

			The members that a case hits are drawn from the seed, the round and the case's name, so the same seed hits the same
			members.
			If a case fails, the load is stopped first, then on_failure is run, the members' data is moved away where the agents
			have a directory, everything is healed and the members are started empty.

			FILE has: name; clients, a list of addresses; members, or {exec: COMMAND} that prints them (zone, name, agent, addresses, health as a URL or exec, token_file; for lab and
			up, command, dir, disk, and ssh); token_file; tls (ca, cert, key); defaults
			(hold 5s, recover 60s, timeout 10s); leader, a command that prints the leader's name or address; load, a list of
			commands that run during a case; check (exec, tries, pause, timeout); on_failure (exec, archive, stacks, stop);
			rounds; seed; shuffle; cases.
			The fields are in fault-tester(5).

			explore draws cases in place of those of FILE: what was met least often comes next, of each fault on the leader and on a
			follower, while all is well, while another fault holds, in an election and in a recovery.
			It stops at the first case that fails.
			DIR of --evidence has explored.yaml, the plan of all that was drawn, and shrunk.yaml, that of the smallest case that
			fails; both run again with fault-tester run.

			A case has: name; fault (kill, stop, pause, wipe, isolate, partition, slow, rate, loss, reset, reorder, garble, duplicate, fill, power, corrupt, eio, enospc, slow-fsync, exec,
			none); on (one,
			follower, leader, minority, majority, all, zone, or names); shape of a partition (halves, ring, bridge, zones), or its sides or links (lists
			of names); from (members, clients, all); hold, or until
			(exec, timeout); recover; percent, delay, jitter, rate, leave, direction, variant, paths, ops, tear, flip, cut; inject and undo of exec; effect; needs; also.
			A command is a list of words, or one text for sh -c.
		`,
		Commands: []applet.Item{
			{Name: "run", Text: "run the cases"},
			{Name: "do", Text: "do one thing to TARGET (like a case's on) and leave it: " + strings.Join(run.Actions(), ", ")},
			{Name: "explore", Text: "draw cases of faults that may overlap, until --for is over or one fails, and shrink that one to the fewest faults that still fail"},
			{Name: "list", Text: "print the cases of each round and the members they hit, without asking any agent"},
			{Name: "lab", Text: "make the plan's members, their network and their agents on this machine, run COMMAND there, or wait, and take them down"},
			{Name: "up", Text: "start the agents of the plan over ssh, with this program and a token each, their sockets forwarded; run COMMAND, or wait, and end them"},
			{Name: "judge", Text: "say whether HISTORY, in lines of JSON or Jepsen's EDN, is one that the model allows; - is standard input"},
			{Name: "check", Text: "ask every agent, health, the leader and the check once, and change nothing"},
		},
		Operands: applet.Operands{Option: "config", Commands: []string{"run", "list", "check", "explore"}},
		Options: []applet.Option{
			applet.String(&o.file, "config c", "FILE", "the members and the cases").As(applet.File),
			applet.Strings(&o.patterns, "case", "GLOB", "run, list: only the cases with a name that matches this, or another that is given"),
			applet.Parsed(&o.rounds, "rounds", "N", "how often to run the cases (default: what FILE says); 0 for until something ends it", rounds),
			applet.Duration(&o.lasting, "for", "D", "begin rounds until D is over, whatever FILE says; explore: draw cases for so long (default 10m)"),
			applet.Duration(&o.limit, "limit", "D", "end the whole run after D, with status 124; judge: give up after D (default 1m)"),
			applet.Duration(&o.wait, "wait", "D", "wait up to D for another fault-tester to leave the members"),
			applet.Each(&o.faults, "fault", "NAME", "explore: draw from this fault, and others that are given (default: what the agents can do and a cluster should come through)", faultName),
			applet.Parsed(&o.overlap, "overlap", "N", "explore: at most N faults in a case (default 3)", applet.Int(1, 20)),
			applet.Parsed(&o.votes, "votes", "N", "explore: run a smaller case N times, of which most must fail (default 3)", applet.Int(1, 99)),
			applet.Switch(&o.noSkip, "no-skip", "a case that is skipped is a failure"),
			applet.String(&o.evidence, "evidence", "DIR", "keep the plan, the histories, the outputs and the report in DIR, which is made (default: a temporary directory, removed if nothing went wrong)").As(applet.Dir),
			applet.Set("model", "M", "judge: what the store promises: "+strings.Join(history.Models(), ", "), o.setModel),
			applet.Parsed(&o.memory, "memory", "BYTES", "judge: use no more memory (default 512MiB)", plan.ParseSize),
			applet.Parsed(&o.seed, "seed", "S", "choose members by this number (default: what FILE says)", parseSeed),
			applet.Switch(&o.json, "json", "report in lines of JSON"),
			applet.String(&o.junit, "junit", "F", "write the outcome to F in JUnit's XML").As(applet.File),
			applet.String(&o.html, "html", "F", "write a page with every member's timeline to F").As(applet.File),
			applet.Duration(&o.hold, "hold", "D", "do: how long the fault lasts (default 5s); 0 for a stop that stays"),
			applet.Duration(&o.delay, "delay", "D", "do slow, reorder, slow-fsync: delay packets, or fsync, by D"),
			applet.Duration(&o.jitter, "jitter", "D", "do slow, slow-fsync: vary the delay by up to D"),
			applet.Parsed(&o.percent, "percent", "P", "do loss, reorder, garble, duplicate, eio, enospc, slow-fsync: P percent of the packets, or operations", applet.Fraction(100)),
			applet.Parsed(&o.rate, "rate", "BYTES", "do rate: allow BYTES per second, for example 64KiB", plan.ParseSize),
			applet.Parsed(&o.leave, "leave", "BYTES", "do fill: leave BYTES free", plan.ParseSize),
			applet.String(&o.variant, "variant", "NAME", "do: start the member by this variant that its agent has"),
			applet.Strings(&o.paths, "path", "GLOB", "do corrupt, eio, enospc, slow-fsync: only the files with a matching name, or path in the member's directory"),
			applet.Strings(&o.ops, "op", "OP", "do eio: only read, write or fsync"),
			applet.Switch(&o.tear, "tear", "do power: leave a part of a write that was not synced"),
			applet.Parsed(&o.flip, "flip", "N", "do corrupt: flip N bits of each file", applet.Int(1, 1<<20)),
			applet.Parsed(&o.cut, "cut", "BYTES", "do corrupt: cut BYTES off the end of each file", plan.ParseSize),
			applet.String(&o.direction, "direction", "WAY", "do: the direction of packets, both, in or out"),
		},
		Statuses: []applet.Item{
			{Name: "0", Text: "all passed, or were skipped"},
			{Name: "1", Text: "a case failed; check: something is unhealthy; judge: the model does not allow the history"},
			{Name: "4", Text: "no verdict on a case or a history is possible; an agent cannot be reached, serves another tester or refuses, or the cluster is unhealthy at the start"},
			{Name: "64", Text: "usage, or the file is wrong"},
			{Name: "124", Text: "the limit of the run is over"},
			{Name: "125", Text: "own failure, or not on Linux"},
			{Name: "128+n", Text: "killed by signal n; what was not seen to be healed is named"},
		},
		Examples: []applet.Example{
			{Text: "Kill, stop and isolate members of etcd, and look at the report:", Lines: []string{
				"fault-tester check -c etcd.yaml",
				"fault-tester run -c etcd.yaml --rounds 3 --html report.html",
			}},
			{Text: "Isolate the leader for 10 seconds by hand:", Lines: []string{"fault-tester do -c etcd.yaml --hold 10s isolate leader"}},
		},
		Caveats: `
			Two testers cannot break one cluster together: a tester leases every agent, and others are refused.
			If it is killed, the lease expires within 10 s and the agents heal; if they are killed too, the faults end with their
			hold, which is 5 s longer than the case's.

			A network fault is set in the member's network namespace, and hits everything else in it: members that share one
			machine need a namespace each, or isolating one isolates all, and a tester on a member's machine loses contact with
			the other members too, except for agents at the same port as its own.

			The load, check and leader commands run on this machine: they see of the cluster what a client here sees.

			A fault has an effect if the process is in the state that it means, or if it met packets.
			The load and the check decide how much it hurt.
		`,
		Environment: []applet.Item{{Name: run.KeepVariable, Text: "set by the tester for the process that stops a load with it; not for other uses"}},
		Files:       []applet.Item{{Name: "FILE", Text: "the members and the cases, in YAML; never changed"}},
		SeeAlso:     []string{"fault-agent(1)", "wait-healthy(1)"},
		Quiet:       "no line per case",
		Run:         o.run,
	}
}

func (o *faultTesterOptions) run(c *applet.Call) error {
	if err := needsLinux(); err != nil {
		return err
	}
	if os.Getenv(run.KeepVariable) != "" && len(c.Args) > 0 {
		return keep(c)
	}
	if len(c.Args) == 0 {
		return applet.Usage("no command given: run, explore, do, list, check, lab, up or judge")
	}
	if err := effects(c, c.Args[0]); err != nil {
		return err
	}
	if c.Args[0] == "judge" {
		c.Args = c.Args[1:]
		return o.judge(c)
	}
	commands := map[string]func(*applet.Call, *plan.Plan) error{"run": o.runCases, "do": o.do, "list": o.list, "check": o.check,
		"explore": o.explore, "lab": o.lab, "up": o.up}
	command := commands[c.Args[0]]
	if command == nil {
		switch word := c.Args[0]; {
		case slices.Contains(run.Actions(), word):
			return applet.Usage("unknown command %q; did you mean do %s?", word, word)
		case isPlan(word):
			return applet.Usage("unknown command %q; did you mean run %s?", word, word)
		case insteadOf(word) != "":
			return applet.Usage("unknown command %q; did you mean %s?", word, insteadOf(word))
		}
		return applet.Usage("unknown command %q: run, explore, do, list, check, lab, up or judge", c.Args[0])
	}
	word := c.Args[0]
	c.Args = c.Args[1:]
	switch {
	case word != "do" && word != "lab" && word != "up":
		if err := c.NoOperands(); err != nil {
			return err
		}
	case o.file == "" && len(c.Args) > 0 && isPlan(c.Args[0]):
		return applet.Usage("no plan given (--config FILE); did you mean -c %s?", c.Args[0])
	}
	if o.file == "" {
		return applet.Usage("no plan given (--config FILE)")
	}
	p, err := plan.Load(o.file)
	if err != nil {
		return applet.Fail(applet.BadUsage, "%w", err)
	}
	if err := o.choose(p); err != nil {
		return err
	}
	if o.rounds >= 0 {
		p.Rounds = plan.Count(o.rounds)
	}
	if o.seed != nil {
		p.Seed = *o.seed
	}
	return command(c, p)
}

// keep is not for users: it is the process between a tester and its load.
func keep(c *applet.Call) error {
	output, _ := c.Stderr.(*os.File)
	status, err := run.Keep(c.Args, c.Stdin, output)
	if err != nil {
		return err
	}
	return applet.Exit(applet.Status(status))
}

func (o *faultTesterOptions) options(c *applet.Call) run.Options {
	host, _ := os.Hostname()
	return run.Options{Wait: o.wait, For: o.lasting, Ever: o.rounds == 0 && o.lasting == 0, Limit: o.limit,
		Evidence: o.evidence, Lease: os.Getenv(run.LeaseVariable), Owner: fmt.Sprintf("the fault-tester on %s, process %d", host, os.Getpid()),
		Step: func(s string) { c.Tell("%s", s) },
		Now: func(s string) {
			if o.shown == nil {
				o.shown = c.Progress(0, "%s", s)
			}
			o.shown.Set("%s", s)
		},
		Ended: func(r report.Case) {
			o.shown.Clear()
			o.shown = nil
			if !c.Quiet {
				c.Say("%s", r.Line())
			}
			if o.json {
				_ = report.JSON(c.Stdout, r) // the stream keeps the error, and the end reports it
			}
		},
	}
}

func (o *faultTesterOptions) runCases(c *applet.Call, p *plan.Plan) error {
	return o.reported(c, "run", func(ctx context.Context) (*report.Run, error) { return run.Run(ctx, p, o.options(c)) }, nil)
}

// repeat is the command that runs the same again.
func (o *faultTesterOptions) repeat(c *applet.Call, command string, seed uint64) string {
	line := resolve.Quote("fault-tester "+command, o.file)
	if c.Given("for") {
		line += " --for " + o.lasting.String()
	} else if o.rounds > 1 {
		line += " --rounds " + strconv.Itoa(o.rounds)
	}
	for _, pattern := range o.patterns {
		line = resolve.Quote(line+" --case", pattern)
	}
	return line + " --seed " + strconv.FormatUint(seed, 10)
}

// reported does something on the cluster, and reports it in every way that was asked for; after writes more for people.
func (o *faultTesterOptions) reported(c *applet.Call, command string, do func(context.Context) (*report.Run, error), after func(*report.Run) error) error {
	junit, err := create(o.junit) // now: a run of hours should not end with "no such directory"
	if err != nil {
		return err
	}
	defer junit.Close()
	html, err := create(o.html)
	if err != nil {
		return err
	}
	defer html.Close()
	ctx, stop := signals.Until(context.Background())
	defer stop()
	r, failure := do(ctx)
	o.shown.Clear()
	if junit != nil {
		err = errors.Join(err, report.JUnit(junit, r), junit.Close())
	}
	if html != nil {
		r.Repeat = o.repeat(c, command, r.Seed)
		r.Host, _ = os.Hostname()
		err = errors.Join(err, report.HTML(html, r), html.Close())
	}
	if o.json {
		err = errors.Join(err, report.JSON(c.Stdout, r.Summary()))
	} else if len(r.Cases) > 0 {
		err = errors.Join(err, report.Table(c.Stdout, r))
		if after != nil {
			err = errors.Join(err, after(r))
		}
	}
	if err != nil {
		err = fmt.Errorf("write the report: %w", err)
	}
	switch {
	case failure != nil:
		return testerError(errors.Join(failure, err), r.Count(report.Fail) > 0)
	case err != nil:
		return err
	case r.Count(report.Fail) > 0, o.noSkip && r.Count(report.Skip) > 0:
		return applet.Exit(applet.No) // the lines and the table have reported it
	case r.Count(report.Unknown) > 0:
		return applet.Exit(applet.Unsafe)
	}
	return nil
}

func create(name string) (*os.File, error) {
	if name == "" {
		return nil, nil
	}
	return os.Create(name)
}

// testerError gives what ended a run its words, and, where a case had failed before the cluster became unhealthy, its status.
func testerError(err error, failed bool) error {
	switch {
	case is[*run.LeftError](err):
		return err
	case is[*signals.Caught](err):
		return fmt.Errorf("%w; everything is healed", err)
	case is[*run.UnhealthyError](err) && failed:
		return applet.Fail(applet.No, "%w", err)
	}
	return err
}
