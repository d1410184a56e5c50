package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Choices of members, as On.Choice.
const (
	One      = "one"
	Follower = "follower"
	Leader   = "leader"
	Minority = "minority"
	Majority = "majority"
	All      = "all"
	Zone     = "zone" // all members of one
)

func reserved(name string) bool {
	return slices.Contains([]string{One, Follower, Leader, Minority, Majority, All, Zone}, name)
}

// On says who is hit: a choice, or names.
type On struct {
	Choice string
	Names  []string
}

func (o On) set() bool { return o.Choice != "" || len(o.Names) > 0 }

func (o On) String() string {
	if o.Choice != "" {
		return o.Choice
	}
	return strings.Join(o.Names, "-")
}

// ParseOn reads a choice, or names with commas between them.
func ParseOn(s string) On {
	if reserved(s) {
		return On{Choice: s}
	}
	return On{Names: strings.Split(s, ",")}
}

// random is the source for one case in one round. The name counts and not the place in the file, so that a case
// run alone hits whom it hit among the others.
func (p *Plan) random(what string, round int) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%d\x00%s", p.Seed, round, what))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])))
}

// Order is the order of n cases in a round.
func (p *Plan) Order(n, round int) []int {
	if p.Shuffle {
		return p.random("order", round).Perm(n)
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// Settled is a case with what is drawn for it in a round, but for its targets.
func (p *Plan) Settled(c Case, round int) Case {
	if from, to := c.Delay.From, c.Delay.To; from < to {
		c.Delay.From += Duration(p.random("delay "+c.Name, round).Int64N(int64(to-from) + 1))
		c.Delay.To = c.Delay.From
	}
	return c
}

// Draw names whom a case hits in a round, in the members' order; a choice passes over those that are taken. The leader's name
// is only looked at where the choice depends on it.
func (p *Plan) Draw(c Case, round int, leader string, taken ...string) ([]string, error) {
	n := len(p.Members)
	if len(c.On.Names) > 0 {
		return c.On.Names, nil
	}
	names := slices.DeleteFunc(p.names(), func(s string) bool { return slices.Contains(taken, s) })
	size := 0
	switch c.On.Choice {
	case "":
		return nil, nil
	case Zone:
		return p.zone(c, round)
	case All:
		size = len(names)
	case One:
		size = 1
	case Minority:
		size = (n - 1) / 2
	case Majority:
		size = n/2 + 1
	case Leader, Follower:
		if !slices.Contains(names, leader) && (c.On.Choice == Leader || len(taken) == 0) { // else it was hit
			return nil, fmt.Errorf("%s cannot be chosen: there is no leader", c.On.Choice)
		}
		if c.On.Choice == Leader {
			return []string{leader}, nil
		}
		names = slices.DeleteFunc(names, func(s string) bool { return s == leader })
		size = 1
	default:
		return nil, fmt.Errorf("%q is neither a choice nor a member", c.On.Choice)
	}
	if size == 0 || size > len(names) {
		return nil, fmt.Errorf("too few members (%d) for %s", n, c.On.Choice)
	}
	picked := p.random("on "+c.Name, round).Perm(len(names))[:size]
	slices.Sort(picked)
	drawn := make([]string, 0, size)
	for _, i := range picked {
		drawn = append(drawn, names[i])
	}
	return drawn, nil
}

// Shapes of a partition.
const (
	Halves = "halves" // two sides that do not see each other, the smaller one first
	Ring   = "ring"   // each sees only its two neighbours; from four members on
	Zones  = "zones"  // the members of one zone do not see those of another
	Bridge = "bridge" // two sides that do not see each other, and one member that sees all; from three on
)

// Sides draws a partition: for each member the names of those it does not see.
func (p *Plan) Sides(c Case, round int) (map[string][]string, error) {
	if len(c.Sides)+len(c.Links) > 0 {
		return p.drawn(c)
	}
	if c.Shape == Zones {
		return p.apart()
	}
	n := len(p.Members)
	least := map[string]int{Halves: 2, Ring: 4, Bridge: 3}[c.Shape]
	if least == 0 {
		return nil, fmt.Errorf("shape %q is not halves, ring, bridge or zones", c.Shape)
	}
	if n < least {
		return nil, fmt.Errorf("a %s needs at least %d members, and the plan has %d", c.Shape, least, n)
	}
	place := make([]int, n) // of each member in a drawn row
	for at, i := range p.random("sides "+c.Name, round).Perm(n) {
		place[i] = at
	}
	unseen := map[string][]string{}
	for i, m := range p.Members {
		for j, other := range p.Members {
			if i != j && hidden(c.Shape, place[i], place[j], n) {
				unseen[m.Name] = append(unseen[m.Name], other.Name)
			}
		}
	}
	return unseen, nil
}

func hidden(shape string, a, b, n int) bool {
	switch shape {
	case Ring:
		apart := (a - b + n) % n
		return apart != 1 && apart != n-1
	case Bridge: // the last in the row is the bridge
		return a != n-1 && b != n-1 && (a < (n-1)/2) != (b < (n-1)/2)
	}
	return (a < n/2) != (b < n/2)
}

// Addresses collects the addresses of the members named.
func (p *Plan) Addresses(names []string) []string {
	var all []string
	for _, n := range names {
		if m := p.Member(n); m != nil {
			all = append(all, m.Addresses...)
		}
	}
	return all
}

// Others names every member but one.
func (p *Plan) Others(name string) []string {
	var others []string
	for _, m := range p.Members {
		if m.Name != name {
			others = append(others, m.Name)
		}
	}
	return others
}
