package child

import (
	"fmt"

	"pidbox/lib/cgroup"
	"pidbox/lib/proc"
)

// grouped says that the child is to have a control group of its own.
func (s Spec) grouped() bool { return s.Cgroup || s.Scope == proc.ControlGroup }

// fallback is the scope of a child that has no control group.
func (s Spec) fallback() proc.Scope {
	if s.Scope == proc.ControlGroup {
		return proc.Tree
	}
	return s.Scope
}

// enclose puts the held process into a control group of its own, of which the pidfile's record is to tell.
func (c *Child) enclose() error {
	g, err := cgroup.Own(c.identity)
	if err == nil {
		if err = g.Add(c.PID()); err != nil {
			_ = g.Remove()
			err = fmt.Errorf("enter %s: %w", g.Path(), err)
		}
	}
	switch {
	case err != nil && c.spec.Scope == proc.ControlGroup:
		return err
	case err != nil:
		c.instead(err)
		return nil
	case g.Version() != 2:
		c.say("the freezer of version 1", fmt.Errorf("no control group of version 2 is available: %w", g.Why()))
	}
	c.members = g.Members(c.identity.PID, c.handle, nil)
	if c.place != nil {
		c.place.Own(g.Mark())
	}
	return nil
}

// rejoin finds the control group of a child that was adopted.
func (c *Child) rejoin() {
	members, err := c.holder.Members()
	if err != nil {
		c.instead(fmt.Errorf("process %d was started without a control group of its own", c.PID()))
		return
	}
	c.members = members
}

func (c *Child) instead(why error) { c.say("its "+c.spec.fallback().String(), why) }

func (c *Child) say(what string, why error) {
	if c.spec.Instead != nil {
		c.spec.Instead(what, why)
	}
}

// disband removes the control group, if it is empty.
func (c *Child) disband() {
	if c.members == nil {
		return
	}
	if populated, err := c.members.Populated(); err == nil && !populated {
		_ = c.members.Remove()
	}
}
