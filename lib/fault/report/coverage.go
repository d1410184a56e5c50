package report

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Strike is one fault of a case.
type Strike struct {
	Fault   string    `json:"fault"`
	Targets []string  `json:"targets"`
	Role    string    `json:"role"`
	Moment  Moment    `json:"moment"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to,omitzero"`
}

// The roles of those that are hit.
const (
	Leader   = "leader"
	Follower = "follower"
	Member   = "member"  // where the plan has no leader
	Several  = "several" // more than one at once
)

// Moment is what the cluster was about when a fault struck.
type Moment string

// The moments, from outside.
const (
	Steady   Moment = "steady"   // all members were well
	During   Moment = "fault"    // another fault held
	Election Moment = "election" // another fault held, and nobody led
	Recovery Moment = "recovery" // the others were healed, the cluster was not yet
)

// Coverage writes how often each fault has struck whom and when.
func Coverage(w io.Writer, cases []Case, faults []string) error {
	type cell struct {
		fault, role string
		moment      Moment
	}
	n := map[cell]int{}
	var roles []string
	for _, c := range cases {
		for _, s := range c.Struck {
			n[cell{s.Fault, s.Role, s.Moment}]++
			if !slices.Contains(roles, s.Role) {
				roles = append(roles, s.Role)
			}
		}
	}
	slices.Sort(roles)
	moments := []Moment{Steady, During, Election, Recovery}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "STRUCK\tON")
	for _, m := range moments {
		fmt.Fprintf(t, "\t%s", m)
	}
	fmt.Fprintln(t)
	for _, f := range faults {
		for _, r := range roles {
			fmt.Fprintf(t, "%s\t%s", f, r)
			for _, m := range moments {
				fmt.Fprintf(t, "\t%s", count(uint64(n[cell{f, r, m}])))
			}
			fmt.Fprintln(t)
		}
	}
	return t.Flush()
}
