package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/goccy/go-yaml/ast"

	"pidbox/lib/child"
	"pidbox/lib/spawn"
)

// Members are those of the cluster: a list, or {exec: COMMAND}, which prints such a list as YAML or JSON.
type Members []Member

// UnmarshalYAML reads either form. Of a command it makes one member without a name, whose command that is, until Load has run
// it.
func (m *Members) UnmarshalYAML(n ast.Node) error { return placed(n, m.read) }

func (m *Members) read(decode func(any) error) error {
	var from struct {
		Exec Command `yaml:"exec"`
	}
	if decode(&from) == nil && len(from.Exec) > 0 {
		*m = Members{{inventory: from.Exec}}
		return nil
	}
	var list []Member
	err := decode(&list)
	*m = list
	return err
}

const (
	inventoryLimit = 16 << 20
	inventoryWait  = time.Minute
)

// generate runs the command of an inventory and returns what it printed.
func generate(words Command) ([]byte, error) {
	path, err := spawn.LookPath(words[0], os.Getenv("PATH"), "")
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	// its errors go where it says them: a descriptor of ours that it inherits
	fd, err := syscall.Dup(2)
	if err != nil {
		write.Close()
		return nil, err
	}
	syscall.CloseOnExec(fd)
	errs := os.NewFile(uintptr(fd), "stderr")
	defer errs.Close()
	c, err := child.Start(context.Background(), spawn.Command{Path: path, Args: words, Env: os.Environ(), Stdout: write, Stderr: errs},
		child.Spec{Session: true})
	write.Close()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	limit := time.AfterFunc(inventoryWait, func() { _ = c.Signal(syscall.SIGKILL); read.Close() })
	defer limit.Stop()
	text, err := io.ReadAll(io.LimitReader(read, inventoryLimit))
	if len(text) == inventoryLimit {
		err = errors.New("it prints without end")
		_ = c.Signal(syscall.SIGKILL)
	}
	end, failed := c.Reap()
	switch {
	case err != nil:
	case failed != nil:
		err = failed
	case end.Code != 0 || end.Signal != 0:
		err = errors.New(end.String())
	}
	return text, err
}

// inventoried runs the command of the members, if there is one.
func (p *Plan) inventoried() *flaw {
	if len(p.Members) != 1 || len(p.Members[0].inventory) == 0 {
		return nil
	}
	words := p.Members[0].inventory
	text, err := generate(words)
	if err != nil {
		return at("$.members", "members of %s: %v", words[0], err)
	}
	var list []Member
	if err := strict(text, &list); err != nil {
		return at("$.members", "members of %s: at %v of what it printed", words[0], err)
	}
	p.Members = list
	return nil
}

// zones are the names of the members' zones, sorted.
func (p *Plan) zones() []string {
	var zones []string
	for _, m := range p.Members {
		if m.Zone != "" {
			zones = append(zones, m.Zone)
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// zone draws one, and names its members.
func (p *Plan) zone(c Case, round int) ([]string, error) {
	zones := p.zones()
	if len(zones) == 0 {
		return nil, fmt.Errorf("%s cannot be chosen: no member has one", c.On.Choice)
	}
	picked := zones[p.random("on "+c.Name, round).IntN(len(zones))]
	var names []string
	for _, m := range p.Members {
		if m.Zone == picked {
			names = append(names, m.Name)
		}
	}
	return names, nil
}

// apart hides the zones from each other. A member without one sees all.
func (p *Plan) apart() (map[string][]string, error) {
	if len(p.zones()) < 2 {
		return nil, fmt.Errorf("a partition into %s needs two of them, there are %d", Zones, len(p.zones()))
	}
	unseen := map[string][]string{}
	for _, m := range p.Members {
		for _, other := range p.Members {
			if m.Zone != "" && other.Zone != "" && m.Zone != other.Zone {
				unseen[m.Name] = append(unseen[m.Name], other.Name)
			}
		}
	}
	return unseen, nil
}
