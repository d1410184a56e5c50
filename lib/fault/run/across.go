package run

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// startAcross starts the loads that run from the first case to the last.
func (c *Cluster) startAcross() error {
	for i, one := range c.plan.Load.List {
		if !one.Across {
			continue
		}
		l, err := startLoad(one, fmt.Sprintf("load %d across cases", i+1), c.evidence.dir,
			[]string{"FAULT_RUN=" + c.run, "FAULT_DIR=" + c.evidence.dir, "FAULT_MEMBERS=" + strings.Join(c.names(), " ")},
			fmt.Sprintf("%s-%d", c.run, i+1))
		if err != nil {
			return err
		}
		c.across = append(c.across, l)
	}
	return nil
}

// stopAcross ends them, and judges their histories: as a case of its own, for they are of no single one.
func (c *Cluster) stopAcross(r *report.Run) {
	if len(c.across) == 0 {
		return
	}
	result := report.Case{Name: "load-across-cases", Round: 1, Fault: plan.None, Targets: []string{}, Outcome: report.Pass, Started: r.Started}
	var err error
	for _, l := range c.across {
		if e := l.stop(); err == nil {
			err = e
		}
	}
	if err == nil {
		err = c.judgeHistories(c.plan.Check, c.across, c.evidence.dir)
	}
	if result.Ended = time.Now(); err != nil {
		result.Outcome, result.Reason = report.Fail, err.Error()
		if open := (unsure{}); errors.As(err, &open) {
			result.Outcome = report.Unknown
		}
		if bad := (*violation)(nil); errors.As(err, &bad) {
			result.Picture = bad.picture
		}
	}
	c.across = nil
	r.Cases = append(r.Cases, result)
	c.options.Ended(result)
}
