package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"pidbox/lib/fault/history"
)

// Client is a command whose output says what it did, or a client of a store.
type Client struct {
	Exec   Command `yaml:"exec"`   // prints ok, fail or info for each operation, or a history
	KV     *KV     `yaml:"kv"`     // in place of exec
	Across bool    `yaml:"across"` // it runs from the first case to the last, not for each anew
}

// KV is a client made of one-line commands, which get KEY, VALUE and, for cas, OLD in their environment, and in place of
// {key}, {value} and {old}. Exit status 0 is success; get prints the value, or nothing. What fails may have been done,
// except by a get.
type KV struct {
	Put     Command   `yaml:"put"`     // writes
	Get     Command   `yaml:"get"`     // prints the value
	CAS     Command   `yaml:"cas"`     // exit status 1: the value was another, and nothing was changed
	Clients Count     `yaml:"clients"` // at one time: 5
	Rate    Frequency `yaml:"rate"`    // operations a second by all clients together: 50
	Keys    Count     `yaml:"keys"`    // of each case: 10
	Timeout Positive  `yaml:"timeout"` // of one operation: 2s
}

// Loads are commands, or objects with exec or kv; false is none.
type Loads struct{ List []Client }

// UnmarshalYAML reads false, a list, or a single one.
func (l *Loads) UnmarshalYAML(n ast.Node) error { return placed(n, l.read) }

func (l *Loads) read(decode func(any) error) error {
	var no bool
	if decode(&no) == nil {
		if no {
			return errors.New("load must be false or a list of commands")
		}
		return nil
	}
	var many []oneClient
	if list := []any(nil); decode(&list) == nil {
		if err := decode(&many); err != nil {
			return err
		}
	} else {
		many = make([]oneClient, 1)
		if err := decode(&many[0]); err != nil {
			return err
		}
	}
	for _, one := range many {
		l.List = append(l.List, Client(one))
	}
	return nil
}

type oneClient Client

// UnmarshalYAML reads a command, or the object.
func (l *oneClient) UnmarshalYAML(n ast.Node) error { return placed(n, l.read) }

func (l *oneClient) read(decode func(any) error) error {
	if text := ""; decode(&text) == nil {
		return decode(&l.Exec)
	}
	if words := []string(nil); decode(&words) == nil {
		return decode(&l.Exec)
	}
	var full Client
	if err := decode(&full); err != nil {
		return err
	}
	if (len(full.Exec) > 0) == (full.KV != nil) {
		return errors.New("a load has exec or kv")
	}
	*l = oneClient(full)
	return nil
}

func (p *Plan) checkTraffic() *flaw {
	if f := p.Check.check("$.check"); f != nil {
		return f
	}
	if p.Defaults.Hold != nil && *p.Defaults.Hold <= 0 {
		return at("$.defaults.hold", "hold must be greater than zero")
	}
	if f := p.Defaults.check("$.defaults"); f != nil {
		return f
	}
	if f := p.KV.check("$.kv"); f != nil {
		return f
	}
	for i, l := range p.Load.List {
		if f := l.KV.check(fmt.Sprintf("$.load[%d].kv", i)); f != nil {
			return f
		}
	}
	return nil
}

func (c *Check) check(here string) *flaw {
	switch {
	case c == nil:
		return nil
	case len(c.Exec) == 0 && c.Model == "":
		return at(here, "check has neither exec nor model")
	case c.Model != "" && !slices.Contains(history.Models(), c.Model):
		return at(here+".model", "unknown model %q, known models are %s", c.Model, strings.Join(history.Models(), ", "))
	}
	return nil
}

func (t Traffic) check(here string) *flaw {
	if t.MinOK != nil && *t.MinOK < 0 {
		return at(here+".min_ok", "min_ok must not be negative")
	}
	if t.MaxFailed != nil && *t.MaxFailed < 0 {
		return at(here+".max_failed", "max_failed must not be negative")
	}
	return nil
}

func (p *Plan) checkCaseTraffic(here string, c Case) *flaw {
	if f := c.Traffic.check(here); f != nil {
		return f
	}
	loads := p.LoadsOf(c)
	if c.Load != nil {
		for i, l := range c.Load.List {
			if l.Across {
				return at(here+".load", "a load that runs across cases is of the plan")
			}
			if f := l.KV.check(fmt.Sprintf("%s.load[%d].kv", here, i)); f != nil {
				return f
			}
		}
	}
	across := slices.ContainsFunc(p.Load.List, func(l Client) bool { return l.Across })
	if c.Check != nil && c.Check.Model != "" && len(loads) == 0 {
		return at(here+".check.model", "model %s needs a load of the case that prints a history", c.Check.Model)
	}
	switch {
	case c.During != "" && c.During != Available && c.During != Unavailable:
		return at(here+".during", "during is available or unavailable")
	case c.During != "" && len(loads) == 0 && !across:
		return at(here+".during", "during needs a load")
	case c.During == "" && c.Limit != 0:
		return at(here+".limit", "limit needs during")
	case c.During != "" && p.LimitOf(c) >= p.HoldOf(c):
		return at(here+".limit", "limit must be shorter than hold")
	case c.MayExit != "" && c.MayExit != "target":
		return at(here+".may_exit", "may_exit must be target")
	}
	return nil
}

// loaded says whether a case has a load, of its own or the plan's.
func (p *Plan) loaded(c Case) bool {
	across := slices.ContainsFunc(p.Load.List, func(l Client) bool { return l.Across })
	return across || len(p.LoadsOf(c)) > 0
}

// What the loads must meet while a fault holds.
const (
	Available   = "available"
	Unavailable = "unavailable"
)

func (k *KV) check(here string) *flaw {
	switch {
	case k == nil:
		return nil
	case len(k.Put) == 0 || len(k.Get) == 0:
		return at(here, "kv needs put and get")
	case k.Clients > 1000:
		return at(here+".clients", "clients must be from 1 to 1000")
	}
	if k.Clients == 0 {
		k.Clients = 5
	}
	if k.Keys == 0 {
		k.Keys = 10
	}
	if k.Rate == 0 {
		k.Rate = 50
	}
	if k.Timeout == 0 {
		k.Timeout = Positive(2e9)
	}
	return nil
}
