//go:build !pidbox_some || applet_fault_tester

package applets

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
	"pidbox/lib/fault/run"
	"pidbox/lib/signals"
)

func (o *faultTesterOptions) do(c *applet.Call, p *plan.Plan) error {
	actions := run.Actions()
	switch meant := ""; {
	case len(c.Args) > 2:
		return applet.Usage("unexpected operand %q: do takes one ACTION and one TARGET, and those are %s and %s; several members are one TARGET, with commas",
			c.Args[2], c.Args[0], c.Args[1])
	case len(c.Args) == 2 && !slices.Contains(actions, c.Args[0]) && slices.Contains(actions, c.Args[1]):
		return applet.Usage("the ACTION stands before the TARGET: do %s %s", c.Args[1], c.Args[0])
	case len(c.Args) < 2:
		return applet.Usage("do takes an ACTION and a TARGET, for example kill one")
	case !slices.Contains(actions, c.Args[0]):
		if meant = insteadOf(c.Args[0]); slices.Contains(actions, meant) {
			return applet.Usage("unknown action %q; did you mean %s?", c.Args[0], meant)
		}
	}
	if !slices.Contains(actions, c.Args[0]) {
		return applet.Usage("unknown action %q; known actions are %s", c.Args[0], strings.Join(actions, ", "))
	}
	needs := map[string]string{"slow": "delay", "reorder": "delay", "slow-fsync": "delay", "loss": "percent", "garble": "percent",
		"duplicate": "percent", "rate": "rate"}
	if option := needs[c.Args[0]]; option != "" && !c.Given(option) {
		return applet.Usage("%s needs --%s", c.Args[0], option)
	}
	one := plan.Case{Fault: c.Args[0], On: plan.ParseOn(c.Args[1]), Direction: fault.Direction(o.direction), Percent: o.percent,
		Delay: plan.Span{From: plan.Duration(o.delay), To: plan.Duration(o.delay)}, Jitter: plan.Duration(o.jitter), Rate: plan.Size(o.rate), Leave: plan.Size(o.leave), Variant: o.variant,
		Paths: o.paths, Ops: o.ops, Tear: o.tear, Flip: o.flip, Cut: plan.Size(o.cut)}
	if err := p.CheckDo(one); err != nil {
		return applet.Usage("%w", err)
	}
	ctx, stop := signals.Until(context.Background())
	defer stop()
	names, err := run.Do(ctx, p, o.options(c), one, o.hold)
	if err != nil {
		return testerError(err, false)
	}
	c.Tell("%s on %s", one.Fault, strings.Join(names, ","))
	return nil
}

// listed is a case of list, for --json.
type listed struct {
	Round   int      `json:"round"`
	Case    string   `json:"case"`
	Fault   string   `json:"fault"`
	Targets []string `json:"targets"`
}

// list shows what is drawn; the leader is not known yet.
func (o *faultTesterOptions) list(c *applet.Call, p *plan.Plan) error {
	for round := 1; round <= int(p.Rounds); round++ {
		for _, i := range p.Order(len(p.Cases), round) {
			one := p.Cases[i]
			row := listed{round, one.Name, one.Fault, p.Preview(one, round)}
			var err error
			if o.json {
				err = report.JSON(c.Stdout, row)
			} else {
				_, err = fmt.Fprintf(c.Stdout, "%d\t%s\t%s\t%s\n", row.Round, row.Case, row.Fault, strings.Join(row.Targets, ","))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *faultTesterOptions) check(c *applet.Call, p *plan.Plan) error {
	ctx, stop := signals.Until(context.Background())
	defer stop()
	findings, unanswered := run.Check(ctx, p, o.options(c))
	bad := 0
	for _, f := range findings {
		if !f.OK {
			bad++
		}
		var err error
		if o.json {
			err = report.JSON(c.Stdout, f)
		} else {
			_, err = fmt.Fprintf(c.Stdout, "%s\t%s\t%s\n", f.What, map[bool]string{true: "ok", false: "NOT OK"}[f.OK], f.Text)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case unanswered != nil:
		return testerError(unanswered, false)
	case bad > 0:
		return applet.Fail(applet.No, "not OK: %d of %s", bad, applet.Count(len(findings), "answer"))
	}
	return nil
}

func parseSeed(s string) (*uint64, error) {
	var n uint64
	if _, err := fmt.Sscanf(s+"\n", "%d\n", &n); err != nil {
		return nil, fmt.Errorf("%q is not a number from 0 to 2^64-1", s)
	}
	return &n, nil
}
