// Package plan reads what fault-tester is to do: the members of a cluster, how to look after it, and the cases.
// Reading is strict, and every error names the line and the column. It also draws who is hit, from the seed, the
// round and the case alone: the same three give the same targets.
package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/cut"
)

// Plan is a whole file.
type Plan struct {
	Name      string    `yaml:"name"`
	Members   []Member  `yaml:"members"`
	TokenFile string    `yaml:"token_file"` // the agents' token, on the file's first line
	TLS       TLS       `yaml:"tls"`
	Defaults  Defaults  `yaml:"defaults"`
	Leader    Command   `yaml:"leader"` // prints the leader's name, or one of its addresses, as first word
	Load      []Command `yaml:"load"`   // run while a case lasts; must not fail
	Check     *Check    `yaml:"check"`
	OnFailure OnFailure `yaml:"on_failure"`
	Rounds    int       `yaml:"rounds"`
	Seed      uint64    `yaml:"seed"`
	Shuffle   bool      `yaml:"shuffle"` // the order of the cases, anew in each round
	Cases     []Case    `yaml:"cases"`
}

// Member is one server of the cluster.
type Member struct {
	Name      string   `yaml:"name"`
	Agent     string   `yaml:"agent"`     // unix:PATH, HOST:PORT, http://HOST:PORT or https://HOST:PORT
	Addresses []string `yaml:"addresses"` // by which the others reach it; for network faults
	Health    Health   `yaml:"health"`
}

// TLS is how the tester shows itself to agents over https.
type TLS struct {
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Defaults are of cases that do not say themselves.
type Defaults struct {
	Hold    Duration `yaml:"hold"`    // 5s
	Recover Duration `yaml:"recover"` // 60s
	Timeout Duration `yaml:"timeout"` // of one run of leader, inject, undo and effect: 10s
}

// Check judges the cluster once it is healthy and the load has stopped: exit status 0 is fine.
type Check struct {
	Exec    Command  `yaml:"exec"`
	Tries   int      `yaml:"tries"`   // 1
	Pause   Duration `yaml:"pause"`   // between tries: 1s
	Timeout Duration `yaml:"timeout"` // of a try: 30s
}

// OnFailure says what to do once a case has failed, the load being stopped.
type OnFailure struct {
	Exec    Command `yaml:"exec"`    // run first, as the cluster stands
	Archive *bool   `yaml:"archive"` // move the members' data away and start them empty; true where the agents can
	Stacks  bool    `yaml:"stacks"`  // archive by QUIT, at which Go and Java programs print their stacks
	Stop    bool    `yaml:"stop"`    // run no further case
}

// Case is one way to break the cluster.
type Case struct {
	Name    string    `yaml:"name"`
	Fault   string    `yaml:"fault"`
	Shape   string    `yaml:"shape"` // of a partition
	On      On        `yaml:"on"`
	Hold    *Duration `yaml:"hold"`
	Until   *Until    `yaml:"until"`
	Recover *Duration `yaml:"recover"`

	Direction fault.Direction `yaml:"direction"`
	Percent   float64         `yaml:"percent"`
	Delay     Duration        `yaml:"delay"`
	Jitter    Duration        `yaml:"jitter"`
	Rate      Size            `yaml:"rate"`
	Leave     Size            `yaml:"leave"`

	Inject Command `yaml:"inject"` // of fault exec
	Undo   Command `yaml:"undo"`
	Effect Command `yaml:"effect"` // must exit with 0 while the fault holds
}

// Until holds a fault until a command exits with 0, asked each second.
type Until struct {
	Exec    Command  `yaml:"exec"`
	Timeout Duration `yaml:"timeout"` // 60s
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
	Fill      = "fill"
	Exec      = "exec"
	None      = "none"
)

// Faults lists the faults of cases.
func Faults() []string {
	return []string{Kill, Stop, Pause, Wipe, Isolate, Partition, Slow, Rate, Loss, Fill, Exec, None}
}

// Load reads a plan from a file.
func Load(path string) (*Plan, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
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
	return time.Duration(p.Defaults.Hold)
}

// RecoverOf is how long a case's recovery may last.
func (p *Plan) RecoverOf(c Case) time.Duration {
	if c.Recover != nil {
		return time.Duration(*c.Recover)
	}
	return time.Duration(p.Defaults.Recover)
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

// flaw is an error at a path in the document, which check returns and Parse turns into a line and a column.
type flaw struct{ path, text string }

func at(path, format string, args ...any) *flaw { return &flaw{path, fmt.Sprintf(format, args...)} }

func (p *Plan) defaults() {
	fill := func(d *Duration, to time.Duration) {
		if *d == 0 {
			*d = Duration(to)
		}
	}
	fill(&p.Defaults.Hold, 5*time.Second)
	fill(&p.Defaults.Recover, time.Minute)
	fill(&p.Defaults.Timeout, 10*time.Second)
	if p.Rounds == 0 {
		p.Rounds = 1
	}
	if c := p.Check; c != nil {
		c.Tries = max(c.Tries, 1)
		fill(&c.Pause, time.Second)
		fill(&c.Timeout, 30*time.Second)
	}
	for i := range p.Cases {
		c := &p.Cases[i]
		if c.Until != nil {
			fill(&c.Until.Timeout, time.Minute)
		}
		if c.Name == "" {
			parts := slices.DeleteFunc([]string{c.Fault, c.Shape, c.On.String()}, func(s string) bool { return s == "" })
			c.Name = strings.Join(parts, "-")
		}
	}
}

func (p *Plan) check() *flaw {
	if len(p.Members) == 0 {
		return at("$", "no members")
	}
	names, agents, addresses := map[string]bool{}, map[string]bool{}, map[netip.Addr]string{}
	for i, m := range p.Members {
		here := fmt.Sprintf("$.members[%d]", i)
		switch {
		case m.Name == "":
			return at(here, "a member without name")
		case !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`).MatchString(m.Name):
			return at(here+".name", "name %q is not letters, digits, dots, dashes and underscores", m.Name)
		case reserved(m.Name):
			return at(here+".name", "name %q means a choice of members", m.Name)
		case names[m.Name]:
			return at(here+".name", "a second member called %s", m.Name)
		case m.Agent == "":
			return at(here, "member %s has no agent", m.Name)
		case agents[m.Agent]:
			return at(here+".agent", "agent %s is another member's", m.Agent)
		case len(m.Health.URL) == 0 && len(m.Health.Exec) == 0:
			return at(here, "member %s has no health", m.Name)
		}
		if err := checkAgent(m.Agent); err != nil {
			return at(here+".agent", "%v", err)
		}
		if _, err := m.Health.Check(); err != nil {
			return at(here+".health", "%v", err)
		}
		names[m.Name], agents[m.Agent] = true, true
		for j, text := range m.Addresses {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return at(fmt.Sprintf("%s.addresses[%d]", here, j), "%q is not an IP address", text)
			}
			if other := addresses[a.Unmap()]; other != "" && other != m.Name {
				return at(fmt.Sprintf("%s.addresses[%d]", here, j), "address %s is also of %s", text, other)
			}
			addresses[a.Unmap()] = m.Name
		}
	}
	if (p.TLS.Cert == "") != (p.TLS.Key == "") {
		return at("$.tls", "cert and key go together")
	}
	if p.Check != nil && len(p.Check.Exec) == 0 {
		return at("$.check", "check has no exec")
	}
	if p.Rounds < 0 {
		return at("$.rounds", "rounds %d is negative", p.Rounds)
	}
	if len(p.Cases) == 0 {
		return at("$", "no cases")
	}
	seen := map[string]bool{}
	for i, c := range p.Cases {
		here := fmt.Sprintf("$.cases[%d]", i)
		if c.Fault == "" {
			return at(here, "a case without fault")
		}
		if seen[c.Name] {
			return at(here, "a second case called %s", c.Name)
		}
		seen[c.Name] = true
		if f := p.checkCase(here, c); f != nil {
			f.text = "case " + c.Name + ": " + f.text
			return f
		}
	}
	return nil
}

func checkAgent(agent string) error {
	if path, ok := strings.CutPrefix(agent, "unix:"); ok {
		if path == "" {
			return fmt.Errorf("agent %q names no socket", agent)
		}
		return nil
	}
	full := agent
	if !strings.Contains(agent, "://") {
		full = "http://" + agent
	}
	u, err := url.Parse(full)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Port() == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return fmt.Errorf("agent %q is not unix:PATH, HOST:PORT, http://HOST:PORT or https://HOST:PORT", agent)
	}
	return nil
}

func (p *Plan) checkCase(here string, c Case) *flaw {
	switch {
	case !slices.Contains(Faults(), c.Fault):
		return at(here+".fault", "unknown fault %q, known are %s", c.Fault, strings.Join(Faults(), ", "))
	case c.Until != nil && c.Hold != nil:
		return at(here+".until", "hold and until exclude each other")
	case c.Until != nil && len(c.Until.Exec) == 0:
		return at(here+".until", "until has no exec")
	case p.HoldOf(c) <= 0 && c.Fault != None:
		return at(here+".hold", "a hold of nothing")
	case c.Fault == Exec && len(c.Inject) == 0:
		return at(here, "fault exec has no inject")
	case c.Fault != Exec && len(c.Inject)+len(c.Undo) > 0:
		return at(here, "inject and undo are of fault exec")
	case c.Shape != "" && c.Fault != Partition:
		return at(here+".shape", "shape is of fault partition")
	case c.Fault == Partition && c.On.set():
		return at(here+".on", "a partition is of all members, on cannot be said")
	}
	if c.Fault == Partition {
		if _, err := p.Sides(c, 1); err != nil {
			return at(here+".shape", "%v", err)
		}
	} else if f := p.checkOn(here, c); f != nil {
		return f
	}
	if Networked(c.Fault) {
		for _, m := range p.Members {
			if len(m.Addresses) == 0 {
				return at(here+".fault", "%s needs the addresses of %s", c.Fault, m.Name)
			}
		}
		if len(p.Members) < 2 {
			return at(here+".fault", "%s needs two members", c.Fault)
		}
		if _, err := cut.Parse(p.Spec(c, []string{"192.0.2.1"}, p.HoldOf(c))); err != nil {
			return at(here, "%v", err)
		}
	}
	return nil
}

func (p *Plan) checkOn(here string, c Case) *flaw {
	if !c.On.set() && c.Fault != None && c.Fault != Exec {
		return at(here, "%s on whom? on is missing", c.Fault)
	}
	for i, n := range c.On.Names {
		if p.Member(n) == nil || p.Member(n).Name != n {
			return at(fmt.Sprintf("%s.on", here), "no member is called %s", c.On.Names[i])
		}
	}
	if (c.On.Choice == Leader || c.On.Choice == Follower) && len(p.Leader) == 0 {
		return at(here+".on", "%s cannot be drawn without a leader command", c.On.Choice)
	}
	if c.On.set() {
		if _, err := p.Draw(c, 1, p.Members[0].Name); err != nil {
			return at(here+".on", "%v", err)
		}
	}
	return nil
}

// Networked says whether a fault needs the members' addresses.
func Networked(f string) bool {
	switch f {
	case Isolate, Partition, Slow, Rate, Loss:
		return true
	}
	return false
}

// Spec is what an agent is asked for, for a case's fault on its member.
func (p *Plan) Spec(c Case, peers []string, hold time.Duration) fault.Spec {
	kind := fault.Kind(c.Fault)
	if c.Fault == Isolate || c.Fault == Partition {
		kind = fault.Drop
	}
	return fault.Spec{Kind: kind, Peers: peers, Direction: c.Direction, Percent: c.Percent, Delay: fault.Duration(c.Delay),
		Jitter: fault.Duration(c.Jitter), Rate: uint64(c.Rate), Leave: uint64(c.Leave), Hold: fault.Duration(hold)}
}

// CheckDo checks one thing that is done by hand. Orders need no addresses and no hold.
func (p *Plan) CheckDo(c Case) error {
	if f := p.checkOn("", c); f != nil {
		return errors.New(f.text)
	}
	if !Networked(c.Fault) {
		return nil
	}
	for _, m := range p.Members {
		if len(m.Addresses) == 0 {
			return fmt.Errorf("%s needs the addresses of %s", c.Fault, m.Name)
		}
	}
	_, err := cut.Parse(p.Spec(c, []string{"192.0.2.1"}, time.Second))
	return err
}

// Preview names whom a case hits in a round as far as that is known before: the leader is not.
func (p *Plan) Preview(c Case, round int) []string {
	if c.Fault == Partition {
		sides, _ := p.Sides(c, round)
		return slices.DeleteFunc(p.names(), func(n string) bool { return len(sides[n]) == 0 })
	}
	if names, err := p.Draw(c, round, ""); err == nil && names != nil {
		return names
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
