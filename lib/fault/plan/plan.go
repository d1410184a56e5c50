// Package plan reads what fault-tester is to do: the members of a cluster, how to look after it, and the cases.
// Reading is strict, and every error names the line and the column. It also draws who is hit, from the seed, the
// round and the case alone: the same three give the same targets.
package plan

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"pidbox/lib/fault"
)

// Plan is a whole file.
type Plan struct {
	Name      string    `yaml:"name"`       // of the report
	Members   Members   `yaml:"members"`    // at least one, or exec and a command that prints the list
	Clients   []string  `yaml:"clients"`    // addresses of those that use the cluster
	TokenFile string    `yaml:"token_file"` // the agents' token, on the file's first line
	TLS       TLS       `yaml:"tls"`        // for agents over https
	Defaults  Defaults  `yaml:"defaults"`   // of the cases
	Leader    Command   `yaml:"leader"`     // prints the leader's name, or one of its addresses, as first word
	Load      Loads     `yaml:"load"`       // the traffic of a case
	KV        *KV       `yaml:"kv"`         // one more load: a client of a store made of one-line commands
	Setup     Command   `yaml:"setup"`      // run once the members were started empty
	Check     *Check    `yaml:"check"`      // what must be true after each case
	OnFailure OnFailure `yaml:"on_failure"` // what to do after a case that failed
	Rounds    Count     `yaml:"rounds"`     // how often the cases are run: 1
	Seed      uint64    `yaml:"seed"`       // what the targets are drawn from: 0
	Shuffle   bool      `yaml:"shuffle"`    // the order of the cases, anew in each round
	Cases     []Case    `yaml:"cases"`      // at least one

	Source []byte `yaml:"-"` // the file
}

// Member is one server of the cluster.
type Member struct {
	Name      string   `yaml:"name"`      // letters, digits, dots, dashes and underscores
	Agent     string   `yaml:"agent"`     // unix:PATH, HOST:PORT, http://HOST:PORT or https://HOST:PORT
	Addresses []string `yaml:"addresses"` // by which the others reach it; for network faults
	Health    Health   `yaml:"health"`    // as wait-healthy takes it
	Zone      string   `yaml:"zone"`      // whatever may fail together
	Command   Command  `yaml:"command"`   // what the member is, in the foreground; for a lab, which starts it
	Dir       string   `yaml:"dir"`       // its directory, for a lab
	Disk      bool     `yaml:"disk"`      // and with faults of the disk
	inventory Command  // in place of the list: prints it
	SSH       string   `yaml:"ssh"`        // HOST or USER@HOST, for up
	TokenFile string   `yaml:"token_file"` // of this member's agent, in place of the plan's
}

// TLS is how the tester shows itself to agents over https.
type TLS struct {
	CA   string `yaml:"ca"`   // file of the authority that the agents' certificates are of
	Cert string `yaml:"cert"` // file of the tester's own certificate
	Key  string `yaml:"key"`  // and of its key
}

// Defaults are of cases that do not say themselves.
type Defaults struct {
	Hold    *Duration `yaml:"hold"`    // how long a fault lasts: 5s
	Recover Positive  `yaml:"recover"` // by when the members must be healthy again: 60s
	Timeout Positive  `yaml:"timeout"` // of one run of leader, inject, undo, effect and hooks: 10s
	Traffic `yaml:",inline"`
}

// Traffic is what the loads of a case are held to, and for how long all members must be healthy after it.
type Traffic struct {
	Warmup    *Duration `yaml:"warmup"`     // the loads run for so long before the fault: 2s
	Cooldown  *Duration `yaml:"cooldown"`   // and for so long after the recovery: 2s
	MinOK     *int      `yaml:"min_ok"`     // operations that must succeed before the fault, and again after the recovery: 1
	MaxFailed *int      `yaml:"max_failed"` // operations that may fail, or be of unknown outcome, in the whole case; no limit
	Stable    *Duration `yaml:"stable"`     // all members must be healthy at one moment, for so long: 3s
}

// Check judges the cluster once it is healthy and the loads have stopped: exec must exit with 0, and the histories that the
// loads have printed must be those of the model.
type Check struct {
	Exec    Command  `yaml:"exec"`    // exit status 0 is fine
	Tries   Count    `yaml:"tries"`   // how often exec is tried: 1
	Pause   Positive `yaml:"pause"`   // between tries: 1s
	Timeout Positive `yaml:"timeout"` // of a try: 30s
	Model   string   `yaml:"model"`   // register, cas, set, queue, append, counter
	Within  Positive `yaml:"within"`  // the time to judge a history: 60s
	Memory  Size     `yaml:"memory"`  // and the memory, for reading and for judging: 512MiB
}

// OnFailure says what to do once a case has failed, the load being stopped.
type OnFailure struct {
	Exec    Command `yaml:"exec"`    // run first, as the cluster stands
	Archive bool    `yaml:"archive"` // move the members' data away and start them empty, where the agents can
	Stacks  bool    `yaml:"stacks"`  // archive by QUIT, at which Go and Java programs print their stacks
	Stop    bool    `yaml:"stop"`    // run no further case
}

// Case is one way to break the cluster.
type Case struct {
	Name  string `yaml:"name"`  // of its fault, shape and on
	Fault string `yaml:"fault"` // kill, stop, pause, wipe, isolate, partition, slow, ..., exec or none
	Shape string `yaml:"shape"` // of a partition: halves, ring or bridge

	Sides [][]string `yaml:"sides"` // of a partition, in place of a shape: no member of one sees one of another
	Links [][]string `yaml:"links"` // and pairs that do not see each other; with direction, as the first one is hit
	From  string     `yaml:"from"`  // of isolate and the like: members, clients or all

	On      On        `yaml:"on"`      // one, follower, leader, minority, majority, all, or names
	Hold    *Duration `yaml:"hold"`    // that of defaults
	Until   *Until    `yaml:"until"`   // in place of hold: until a command exits with 0
	Recover *Positive `yaml:"recover"` // that of defaults
	Traffic `yaml:",inline"`
	Load    *Loads   `yaml:"load"`     // false for none, or others than the plan's
	During  string   `yaml:"during"`   // available or unavailable: what the loads must meet while the fault holds
	Limit   Positive `yaml:"limit"`    // by when, after the injection, and how long an interruption may last: half of hold
	MayExit string   `yaml:"may_exit"` // target: a target that exits by itself has not failed
	Check   *Check   `yaml:"check"`    // in place of the plan's
	Needs   Command  `yaml:"needs"`    // if it fails, the case is skipped
	Also    []Also   `yaml:"also"`     // more faults, that overlap this one or follow it

	Before Command `yaml:"before"` // hooks, run under the tester's lease: before the fault is set,
	Held   Command `yaml:"held"`   // once it is,
	After  Command `yaml:"after"`  // and once it is healed

	Direction fault.Direction `yaml:"direction"` // of network faults, seen from the target: both
	Percent   float64         `yaml:"percent"`   // of loss and the like: of the packets
	Delay     Span            `yaml:"delay"`     // of slow; D..D is one that is drawn from these, anew in each round
	Jitter    Duration        `yaml:"jitter"`    // of slow: the delay varies by as much
	Rate      Size            `yaml:"rate"`      // of rate: bytes a second
	Leave     Size            `yaml:"leave"`     // of fill: bytes left free, 0
	Variant   string          `yaml:"variant"`   // of the command, for the start after a kill, stop, wipe, power or corrupt

	Paths []string `yaml:"paths"` // of the disk: patterns of names, or of paths in the member's directory; none is all
	Ops   []string `yaml:"ops"`   // of eio: read, write, fsync; none is all
	Tear  bool     `yaml:"tear"`  // of power: a part of a write that was not synced stays
	Flip  int      `yaml:"flip"`  // of corrupt: so many bits of each file
	Cut   Size     `yaml:"cut"`   // of corrupt: so many bytes from the end of each file

	Inject Command `yaml:"inject"` // of fault exec: sets it
	Undo   Command `yaml:"undo"`   // and takes it away, also if the tester is killed
	Effect Command `yaml:"effect"` // must exit with 0 while the fault holds
}

// Also is a fault beside that of its case, of which it takes the fields that describe a fault. A choice of members passes over
// those that the case has already hit.
type Also struct {
	At   Duration `yaml:"at"` // after the case's fault was set: 0; beyond its hold, it strikes in the recovery
	Case `yaml:",inline"`
}

// Until holds a fault until a command exits with 0, asked each second.
type Until struct {
	Exec    Command  `yaml:"exec"`    // asked each second
	Timeout Positive `yaml:"timeout"` // 60s
}

// The faults of cases.
const (
	Kill      = "kill"
	Stop      = "stop"
	Pause     = "pause"
	Wipe      = "wipe"
	Isolate   = "isolate"
	Partition = "partition"
	Slow      = "slow"
	Rate      = "rate"
	Loss      = "loss"
	Reset     = "reset"
	Reorder   = "reorder"
	Garble    = "garble"
	Duplicate = "duplicate"
	Fill      = "fill"
	Power     = "power"
	Corrupt   = "corrupt"
	EIO       = "eio"
	NoSpace   = "enospc"
	SlowSync  = "slow-fsync"
	Exec      = "exec"
	None      = "none"
)

// Faults lists the faults of cases.
func Faults() []string {
	return []string{Kill, Stop, Pause, Wipe, Isolate, Partition, Slow, Rate, Loss, Reset, Reorder, Garble, Duplicate, Fill, Power, Corrupt, EIO, NoSpace, SlowSync, Exec, None}
}

// Load reads a plan from a file, and runs the command that lists its members, if there is one.
func Load(path string) (*Plan, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := parsed(b, true)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	p.Source = b
	return p, nil
}

// HoldOf is how long a case's fault may last: its hold, or the limit of its until.
func (p *Plan) HoldOf(c Case) time.Duration {
	switch {
	case c.Until != nil:
		return time.Duration(c.Until.Timeout)
	case c.Hold != nil:
		return time.Duration(*c.Hold)
	}
	if p.Defaults.Hold != nil {
		return time.Duration(*p.Defaults.Hold)
	}
	return 5 * time.Second
}

// Faults are a case's own, and those beside it.
func (c Case) Faults() []Case {
	all := []Case{c}
	for _, a := range c.Also {
		all = append(all, a.Case)
	}
	return all
}

// RecoverOf is how long a case's recovery may last.
func (p *Plan) RecoverOf(c Case) time.Duration {
	if c.Recover != nil {
		return time.Duration(*c.Recover)
	}
	return time.Duration(p.Defaults.Recover)
}

// TrafficOf is what a case's loads are held to: each field is set but MaxFailed.
func (p *Plan) TrafficOf(c Case) Traffic {
	t := c.Traffic
	for _, one := range []struct {
		own      **Duration
		given    *Duration
		standard time.Duration
	}{{&t.Warmup, p.Defaults.Warmup, 2 * time.Second}, {&t.Cooldown, p.Defaults.Cooldown, 2 * time.Second}, {&t.Stable, p.Defaults.Stable, 3 * time.Second}} {
		if *one.own == nil {
			if *one.own = one.given; one.given == nil {
				standard := Duration(one.standard)
				*one.own = &standard
			}
		}
	}
	if t.MinOK == nil {
		if t.MinOK = p.Defaults.MinOK; t.MinOK == nil {
			one := 1
			t.MinOK = &one
		}
	}
	if t.MaxFailed == nil {
		t.MaxFailed = p.Defaults.MaxFailed
	}
	return t
}

// LoadsOf are a case's loads, those apart that run across cases.
func (p *Plan) LoadsOf(c Case) []Client {
	all := slices.Clone(p.Load.List)
	if c.Load != nil {
		all = slices.Clone(c.Load.List)
	}
	if p.KV != nil && c.Load == nil {
		all = append(all, Client{KV: p.KV})
	}
	return slices.DeleteFunc(all, func(l Client) bool { return l.Across })
}

// CheckOf is what judges a case; nil for nothing.
func (p *Plan) CheckOf(c Case) *Check {
	if c.Check != nil {
		return c.Check
	}
	return p.Check
}

// LimitOf is by when a case's during must hold.
func (p *Plan) LimitOf(c Case) time.Duration {
	if c.Limit > 0 {
		return time.Duration(c.Limit)
	}
	return p.HoldOf(c) / 2
}

// Member finds a member by its name or by one of its addresses, nil if there is none.
func (p *Plan) Member(word string) *Member {
	address, _ := netip.ParseAddr(word)
	for i := range p.Members {
		m := &p.Members[i]
		if m.Name == word {
			return m
		}
		for _, a := range m.Addresses {
			if b, err := netip.ParseAddr(a); err == nil && address.IsValid() && b.Unmap() == address.Unmap() {
				return m
			}
		}
	}
	return nil
}

func fill(d *Positive, to time.Duration) {
	if *d == 0 {
		*d = Positive(to)
	}
}

func (c *Check) defaults() {
	if c == nil {
		return
	}
	c.Tries = max(c.Tries, 1)
	fill(&c.Pause, time.Second)
	fill(&c.Timeout, 30*time.Second)
	fill(&c.Within, time.Minute)
	if c.Memory == 0 {
		c.Memory = 512 << 20
	}
}

func (p *Plan) defaults() {
	fill(&p.Defaults.Recover, time.Minute)
	fill(&p.Defaults.Timeout, 10*time.Second)
	if p.Rounds == 0 {
		p.Rounds = 1
	}
	p.Check.defaults()
	for i := range p.Cases {
		c := &p.Cases[i]
		c.Check.defaults()
		if c.Until != nil {
			fill(&c.Until.Timeout, time.Minute)
		}
		if c.Name == "" {
			parts := slices.DeleteFunc([]string{c.Fault, c.Shape, c.On.String()}, func(s string) bool { return s == "" })
			c.Name = strings.Join(parts, "-")
		}
		for j := range c.Also { // what is drawn for it is its own
			if a := &c.Also[j]; a.Name == "" {
				a.Name = fmt.Sprintf("%s also %d", c.Name, j+1)
			}
		}
	}
}

// Networked says whether a fault needs the members' addresses.
func Networked(f string) bool {
	switch f {
	case Isolate, Partition, Slow, Rate, Loss, Reset, Reorder, Garble, Duplicate:
		return true
	}
	return false
}

// OnDisk says whether a fault is of the file system under the member's directory.
func OnDisk(f string) bool { return f == EIO || f == NoSpace || f == SlowSync }

// Ends says whether a fault is an order after which the member does not run, and which takes the fields of one.
func Ends(f string) bool {
	return slices.Contains([]string{Kill, Stop, Wipe, Power, Corrupt}, f)
}

// Told is what an agent is told for a fault that is an order.
func (p *Plan) Told(c Case, hold time.Duration) fault.Order {
	o := fault.Order{Hold: fault.Duration(hold), Variant: c.Variant}
	switch c.Fault {
	case Power:
		o.Tear, o.Seed = c.Tear, p.Seed
	case Corrupt:
		o.Paths, o.Flip, o.Cut, o.Seed = c.Paths, c.Flip, int64(c.Cut), p.Seed
	}
	return o
}

// Spec is what an agent is asked for, for a case's fault on its member.
func (p *Plan) Spec(c Case, peers []string, hold time.Duration) fault.Spec {
	kind := fault.Kind(c.Fault)
	if c.Fault == Isolate || c.Fault == Partition {
		kind = fault.Drop
	}
	return fault.Spec{Kind: kind, Peers: peers, Direction: c.Direction, Percent: c.Percent, Delay: fault.Duration(c.Delay.From),
		Jitter: fault.Duration(c.Jitter), Rate: uint64(c.Rate), Leave: uint64(c.Leave),
		Paths: c.Paths, Ops: c.Ops, Hold: fault.Duration(hold)}
}

// Preview names whom a case hits in a round as far as that is known before: the leader is not.
func (p *Plan) Preview(c Case, round int) []string {
	if c.Fault == Partition {
		sides, _ := p.Sides(c, round)
		return slices.DeleteFunc(p.names(), func(n string) bool { return len(sides[n]) == 0 })
	}
	if names, err := p.Draw(c, round, ""); err == nil {
		return append([]string{}, names...)
	}
	return []string{c.On.String()}
}

func (p *Plan) names() []string {
	names := make([]string, len(p.Members))
	for i, m := range p.Members {
		names[i] = m.Name
	}
	return names
}
