package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"pidbox/lib/fault"
	"pidbox/lib/fault/cut"
	"pidbox/lib/fault/disk"
)

// flaw is an error at a path in the document, which check returns and Parse turns into a line and a column.
type flaw struct{ path, text string }

func at(path, format string, args ...any) *flaw { return &flaw{path, fmt.Sprintf(format, args...)} }

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
			return at(here+".name", "two members are called %s", m.Name)
		case m.Agent == "":
			return at(here, "member %s has no agent", m.Name)
		case agents[where(m.Agent)]:
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
		names[m.Name], agents[where(m.Agent)] = true, true
		for j, text := range m.Addresses {
			a, err := netip.ParseAddr(text)
			if err != nil || a.Zone() != "" {
				return at(fmt.Sprintf("%s.addresses[%d]", here, j), "%q is not an IP address", text)
			}
			if other := addresses[a.Unmap()]; other != "" && other != m.Name {
				return at(fmt.Sprintf("%s.addresses[%d]", here, j), "address %s is also of %s", text, other)
			}
			addresses[a.Unmap()] = m.Name
		}
	}
	for i, text := range p.Clients {
		if a, err := netip.ParseAddr(text); err != nil || a.Zone() != "" {
			return at(fmt.Sprintf("$.clients[%d]", i), "%q is not an IP address", text)
		}
	}
	if (p.TLS.Cert == "") != (p.TLS.Key == "") {
		return at("$.tls", "cert and key go together")
	}
	if f := p.checkTraffic(); f != nil {
		return f
	}
	if len(p.Cases) == 0 {
		return at("$", "no cases")
	}
	if p.Check != nil && p.Check.Model != "" && !slices.ContainsFunc(p.Cases, p.loaded) {
		return at("$.check.model", "model %s needs a load that prints a history", p.Check.Model)
	}
	seen := map[string]bool{}
	for i, c := range p.Cases {
		here := fmt.Sprintf("$.cases[%d]", i)
		if c.Fault == "" {
			return at(here, "a case without fault")
		}
		if strings.ContainsFunc(c.Name, unicode.IsControl) { // it would break the lines of the report
			return at(here+".name", "name %q holds a control character", c.Name)
		}
		if seen[c.Name] {
			return at(here, "two cases are called %s", c.Name)
		}
		seen[c.Name] = true
		if f := p.checkCase(here, c); f != nil {
			f.text = "case " + c.Name + ": " + f.text
			return f
		}
	}
	return nil
}

// where is an agent's address in one spelling.
func where(agent string) string {
	if path, ok := strings.CutPrefix(agent, "unix:"); ok {
		return "unix:" + filepath.Clean(path)
	}
	return strings.TrimRight(strings.TrimPrefix(agent, "http://"), "/")
}

func checkAgent(agent string) error {
	if path, ok := strings.CutPrefix(agent, "unix:"); ok {
		if path == "" || path[0] == '@' { // an abstract one, to which no agent listens
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
		return at(here+".fault", "unknown fault %q, known faults are %s", c.Fault, strings.Join(Faults(), ", "))
	case c.Until != nil && c.Hold != nil:
		return at(here+".until", "hold cannot be combined with until")
	case c.Until != nil && len(c.Until.Exec) == 0:
		return at(here+".until", "until has no exec")
	case p.HoldOf(c) <= 0 && c.Fault != None:
		return at(here+".hold", "hold must be greater than zero")
	}
	if f := p.checkCaseTraffic(here, c); f != nil {
		return f
	}
	if f := c.Check.check(here + ".check"); f != nil {
		return f
	}
	if f := p.checkFault(here, c); f != nil {
		return f
	}
	for i, a := range c.Also {
		if f := p.checkAlso(fmt.Sprintf("%s.also[%d]", here, i), c, a); f != nil {
			return f
		}
	}
	return nil
}

// checkAlso checks a fault that comes to that of a case.
func (p *Plan) checkAlso(here string, c Case, a Also) *flaw {
	if !strings.HasPrefix(a.Name, c.Name+" also ") {
		return at(here+".name", "a fault of also has no name")
	}
	rest := a.Case // of which a fault of also has nothing
	for _, one := range []struct {
		key  string
		said bool
	}{
		{"until", rest.Until != nil}, {"recover", rest.Recover != nil}, {"load", rest.Load != nil}, {"during", rest.During != ""},
		{"limit", rest.Limit != 0}, {"may_exit", rest.MayExit != ""}, {"check", rest.Check != nil}, {"needs", len(rest.Needs) > 0},
		{"also", len(rest.Also) > 0}, {"before", len(rest.Before) > 0}, {"held", len(rest.Held) > 0}, {"after", len(rest.After) > 0},
		{"warmup", rest.Traffic != Traffic{}},
	} {
		if one.said {
			return at(here+"."+one.key, "%s is of a case, not of a fault in also", one.key)
		}
	}
	switch {
	case a.Fault == "" || a.Fault == None || !slices.Contains(Faults(), a.Fault):
		return at(here+".fault", "also takes one of %s", strings.Join(Faults()[:len(Faults())-1], ", "))
	case a.At < 0:
		return at(here+".at", "at must not be negative")
	case p.HoldOf(a.Case) <= 0:
		return at(here+".hold", "hold must be greater than zero")
	}
	return p.checkFault(here, a.Case)
}

// checkFault checks what describes a fault.
func (p *Plan) checkFault(here string, c Case) *flaw {
	switch {
	case c.Fault == Exec && len(c.Inject) == 0:
		return at(here, "fault exec has no inject")
	case c.Fault != Exec && len(c.Inject)+len(c.Undo) > 0:
		return at(here, "inject and undo are of fault exec")
	case c.Shape != "" && c.Fault != Partition:
		return at(here+".shape", "shape is of fault partition")
	case c.Fault == Partition && c.On.set():
		return at(here+".on", "'on' is not allowed with partition")
	}
	if f := checkParameters(here, c); f != nil {
		return f
	}
	if c.Fault == Partition {
		if _, err := p.Sides(c, 1); err != nil {
			return at(here+".shape", "%v", err)
		}
	} else if f := p.checkOn(here, c); f != nil {
		return f
	}
	if (c.From == FromClients || c.From == FromAll) && len(p.Clients) == 0 {
		return at(here+".from", "the plan names no clients")
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
		if _, err := p.parse(c, p.HoldOf(c)); err != nil {
			return at(here, "%v", err)
		}
	}
	return nil
}

// checkParameters refuses what the fault does not heed: who writes percent at isolate means another fault.
func checkParameters(here string, c Case) *flaw {
	for _, one := range []struct {
		key   string
		said  bool
		fault string
	}{
		{"percent", c.Percent != 0 && !OnDisk(c.Fault) && c.Fault != Reorder && c.Fault != Garble && c.Fault != Duplicate, Loss},
		{"delay", c.Delay != (Span{}) && c.Fault != SlowSync && c.Fault != Reorder, Slow},
		{"jitter", c.Jitter != 0 && c.Fault != SlowSync, Slow},
		{"rate", c.Rate != 0, Rate},
		{"leave", c.Leave != 0, Fill},
		{"sides", len(c.Sides) > 0, Partition},
		{"links", len(c.Links) > 0, Partition},
		{"tear", c.Tear, Power},
		{"flip", c.Flip != 0, Corrupt},
		{"cut", c.Cut != 0, Corrupt},
		{"ops", len(c.Ops) > 0, EIO},
	} {
		if one.said && c.Fault != one.fault {
			return at(here+"."+one.key, "%s is only for fault %s", one.key, one.fault)
		}
	}
	if c.Variant != "" && !Ends(c.Fault) && c.Fault != "start" && c.Fault != "restart" {
		return at(here+".variant", "variant is only for kill, stop, wipe, power and corrupt")
	}
	if f := checkDisk(here, c); f != nil {
		return f
	}
	switch {
	case c.Shape != "" && len(c.Sides)+len(c.Links) > 0:
		return at(here+".shape", "shape cannot be combined with sides and links")
	case c.From != "" && (!Networked(c.Fault) || c.Fault == Partition):
		return at(here+".from", "from is only for network faults, and not for partition")
	case !slices.Contains([]string{"", FromMembers, FromClients, FromAll}, c.From):
		return at(here+".from", "from %q is not members, clients or all", c.From)
	case c.From != "" && c.From != FromMembers && cut.OnReceipt(fault.Kind(c.Fault)) && c.Direction != fault.In:
		return at(here+".from", "%s works on receipt, and the clients have no agents: it needs direction: in", c.Fault)
	}
	if c.Direction != "" && !Networked(c.Fault) {
		return at(here+".direction", "direction is of network faults")
	}
	return nil
}

// checkDisk checks what is asked of the disk.
func checkDisk(here string, c Case) *flaw {
	var err error
	switch {
	case OnDisk(c.Fault):
		err = disk.Check((&Plan{}).Spec(c, nil, 0))
	case c.Fault == Corrupt:
		err = disk.CheckCorruption((&Plan{}).Told(c, 0))
	case len(c.Paths) > 0:
		return at(here+".paths", "paths is only for corrupt, eio, enospc and slow-fsync")
	}
	if err != nil {
		return at(here, "%v", err)
	}
	return nil
}

func (p *Plan) checkOn(here string, c Case) *flaw {
	if !c.On.set() && c.Fault != None && c.Fault != Exec {
		return at(here, "'on' is required for %s", c.Fault)
	}
	for i, n := range c.On.Names {
		if slices.Contains(c.On.Names[:i], n) {
			return at(here+".on", "%s is listed twice", n)
		}
		if p.Member(n) == nil || p.Member(n).Name != n {
			return at(fmt.Sprintf("%s.on", here), "no member is called %s", c.On.Names[i])
		}
	}
	if (c.On.Choice == Leader || c.On.Choice == Follower) && len(p.Leader) == 0 {
		return at(here+".on", "%s cannot be chosen without a leader command", c.On.Choice)
	}
	if c.On.set() {
		if _, err := p.Draw(c, 1, p.Members[0].Name); err != nil {
			return at(here+".on", "%v", err)
		}
	}
	return nil
}

// CheckDo checks one thing that is done by hand. Orders need no addresses and no hold.
func (p *Plan) CheckDo(c Case) error {
	f := checkParameters("", c)
	if f == nil {
		f = p.checkOn("", c)
	}
	if f != nil {
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
	_, err := p.parse(c, time.Second)
	return err
}

// parse checks the numbers of a network fault. What works on receipt is asked of the peers for the other direction.
func (p *Plan) parse(c Case, hold time.Duration) (cut.Rule, error) {
	s := p.Spec(c, []string{"192.0.2.1"}, hold)
	if cut.OnReceipt(s.Kind) && s.Direction == fault.Out {
		s.Direction = fault.In
	}
	return cut.Parse(s)
}
