//go:build !pidbox_some || applet_fault_tester

package applets

import (
	"context"
	"fmt"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/fault/explore"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// explore looks for a case that fails, and for the smallest one. The cluster may be another by the next run: what is found is
// evidence, what is not found is none.
func (o *faultTesterOptions) explore(c *applet.Call, p *plan.Plan) error {
	if o.lasting == 0 {
		o.lasting = 10 * time.Minute
	}
	var found *explore.Found
	return o.reported(c, "explore", func(ctx context.Context) (*report.Run, error) {
		r, f, err := explore.Run(ctx, p, explore.Options{Options: o.options(c), Faults: o.faults, Overlap: o.overlap, Votes: o.votes, Lasting: o.lasting})
		found = f
		if is[*explore.FaultError](err) {
			err = applet.Fail(applet.BadUsage, "%w", err)
		}
		return r, err
	}, func(r *report.Run) error {
		if err := report.Coverage(c.Stdout, r.Cases, found.Faults); err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "drawn: %s\n", found.Drawn)
		var err error
		switch {
		case found.Case == nil:
			_, err = fmt.Fprintln(c.Stdout, "no case failed")
		case found.Why != "":
			_, err = fmt.Fprintf(c.Stdout, "%s failed, but %s\n", found.Case.Name, found.Why)
		case found.From == 1:
			_, err = fmt.Fprintf(c.Stdout, "%s failed by one fault: %s\n", found.Case.Name, found.Shrunk)
		default:
			_, err = fmt.Fprintf(c.Stdout, "%s failed, and still does with %d of its %d faults, in %d of %d runs: %s\n",
				found.Case.Name, found.To, found.From, found.Failed, found.Votes, found.Shrunk)
		}
		return err
	})
}
