package applets

import (
	"context"
	"os"
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
	agent := []string{"fault-agent"}
	if _, err := spawn.LookPath(agent[0], os.Getenv("PATH"), ""); err != nil { // there is no link to it
		self, err := os.Executable()
		if err != nil {
			return err
		}
		agent = []string{self, agent[0]}
	}
	said, _ := c.Stderr.(*os.File)
	l, err := lab.Up(ctx, o.file, p, agent, said)
	if is[*lab.PlanError](err) {
		return applet.Fail(applet.BadUsage, "%s: %w", o.file, err)
	}
	if err != nil {
		return err
	}
	if len(c.Args) == 0 {
		c.Say("the lab is up; enter it with %s", strings.Join(l.Within([]string{"sh"}), " "))
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
