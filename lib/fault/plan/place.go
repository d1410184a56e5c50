package plan

import (
	"fmt"
	"slices"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/cut"
)

// Place says what is asked of which agents, for a fault on targets of which each has those peers, by address. A fault that
// works on receipt only is put on the target for what it receives, and on its peers for what it sends.
func (p *Plan) Place(c Case, targets []string, peers map[string][]string, hold time.Duration) map[string]fault.Spec {
	placed := map[string]fault.Spec{}
	if !cut.OnReceipt(fault.Kind(c.Fault)) {
		for _, n := range targets {
			placed[n] = p.Spec(c, peers[n], hold)
		}
		return placed
	}
	from := map[string][]string{}
	add := func(name string, addresses ...string) {
		for _, a := range addresses {
			if !slices.Contains(from[name], a) {
				from[name] = append(from[name], a)
			}
		}
	}
	for _, n := range targets {
		if c.Direction != fault.Out {
			add(n, peers[n]...)
		}
		if c.Direction != fault.In {
			for _, a := range peers[n] {
				if m := p.Member(a); m != nil {
					add(m.Name, p.Member(n).Addresses...)
				}
			}
		}
	}
	for name, addresses := range from {
		s := p.Spec(c, addresses, hold)
		s.Direction = fault.In
		placed[name] = s
	}
	return placed
}

// Peers are the addresses from which a target of an isolation, or of another network fault, is cut off: those of the other
// members, of the clients, or both.
func (p *Plan) Peers(c Case, target string) []string {
	var all []string
	if c.From != FromClients {
		all = p.Addresses(p.Others(target))
	}
	if c.From != "" && c.From != FromMembers {
		all = append(all, p.Clients...)
	}
	return all
}

// Unlisted are those of the addresses of a member, as its agent reports them, that the plan does not list, where it lists
// one of them: by those the members may talk past a cut. A plan that lists none of them is about other addresses, as of a
// member behind a forwarder, and nothing can be told.
func (p *Plan) Unlisted(name string, reported []string) []string {
	known := false
	var rest []string
	for _, a := range reported {
		if m := p.Member(a); m != nil && m.Name == name {
			known = true
		} else if m == nil {
			rest = append(rest, a)
		}
	}
	if !known {
		return nil
	}
	return rest
}

// Whom a network fault cuts off from its targets, as Case.From.
const (
	FromMembers = "members" // also the empty one
	FromClients = "clients"
	FromAll     = "all"
)

// drawn are those that a member does not see, from explicit sides or links.
func (p *Plan) drawn(c Case) (map[string][]string, error) {
	unseen := map[string][]string{}
	hide := func(from, other string) {
		if from != other && !slices.Contains(unseen[from], other) {
			unseen[from] = append(unseen[from], other)
		}
	}
	known := func(n string) error {
		if m := p.Member(n); m == nil || m.Name != n {
			return fmt.Errorf("no member is called %s", n)
		}
		return nil
	}
	where := map[string]int{}
	for i, side := range c.Sides {
		for _, n := range side {
			if err := known(n); err != nil {
				return nil, err
			}
			if _, twice := where[n]; twice {
				return nil, fmt.Errorf("%s is on two sides", n)
			}
			where[n] = i
		}
	}
	for a, i := range where {
		for b, j := range where {
			if i != j {
				hide(a, b)
			}
		}
	}
	for _, link := range c.Links {
		if len(link) != 2 || link[0] == link[1] {
			return nil, fmt.Errorf("link %v is not of two members", link)
		}
		for _, n := range link {
			if err := known(n); err != nil {
				return nil, err
			}
		}
		hide(link[0], link[1])
		if c.Direction == "" || c.Direction == fault.Both {
			hide(link[1], link[0]) // else what goes from the first to the second, or comes, is cut at the first alone
		}
	}
	for _, others := range unseen {
		slices.Sort(others)
	}
	if len(unseen) == 0 {
		return nil, fmt.Errorf("no side is cut off from another")
	}
	return unseen, nil
}
