//go:build !pidbox_some || applet_fault_tester

package applets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/fault/lab"
	"pidbox/lib/fault/plan"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// lab makes the plan's network on this machine, with its agents and members, and takes it down when the command has ended,
// or on a signal.
func (o *faultTesterOptions) lab(c *applet.Call, p *plan.Plan) (err error) {
	ctx, stop := signals.Until(context.Background())
	defer stop()
	agent, err := agentCommand()
	if err != nil {
		return err
	}
	said, _ := c.Stderr.(*os.File)
	l, err := lab.Up(ctx, o.file, p, agent, said)
	if is[*lab.PlanError](err) {
		return applet.Fail(applet.BadUsage, "%s: %w", o.file, err)
	}
	if err != nil {
		return err
	}
	return o.within(ctx, c, l, "the lab is up; enter it with "+strings.Join(l.Within([]string{"sh"}), " "))
}

// agentCommand is fault-agent, or what is it by another name: a link to it may be missing, or not in PATH.
func agentCommand() ([]string, error) {
	const name = "fault-agent"
	if _, err := spawn.LookPath(name, os.Getenv("PATH"), ""); err == nil {
		return []string{name}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	beside := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(beside); err == nil {
		return []string{beside}, nil
	}
	if filepath.Base(self) == "fault-tester" { // a copy, which is that whatever follows
		return nil, fmt.Errorf("there is no %s in PATH, nor beside %s", name, self)
	}
	return []string{self, name}, nil
}

// up starts the agents of the plan on the machines of their members, and ends them when the command has, or on a signal.
func (o *faultTesterOptions) up(c *applet.Call, p *plan.Plan) error {
	ctx, stop := signals.Until(context.Background())
	defer stop()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	said, _ := c.Stderr.(*os.File)
	l, err := lab.Remote(ctx, p, self, said)
	if is[*lab.PlanError](err) {
		return applet.Fail(applet.BadUsage, "%s: %w", o.file, err)
	}
	if err != nil {
		return err
	}
	return o.within(ctx, c, l, "the agents are up")
}

func (o *faultTesterOptions) within(ctx context.Context, c *applet.Call, l *lab.Lab, ready string) error {
	if len(c.Args) == 0 {
		c.Say("%s", ready)
		<-ctx.Done()
		return l.Down()
	}
	end, err := l.Run(ctx, c.Args)
	if down := l.Down(); err == nil {
		err = down
	}
	switch {
	case err != nil:
		return err
	case end.Signal != 0:
		return applet.Exit(applet.Status(128 + int(end.Signal)))
	}
	return applet.Exit(applet.Status(end.Code))
}
