// Package report tells what fault-tester did: a line per case while it runs, a table, JSON lines, JUnit's XML, and
// one HTML page with the timeline of every member that needs no network and no script.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Outcome is what a case came to.
type Outcome string

// The outcomes. A fault that cannot be had is Skip, and a history that cannot be judged is Unknown: neither is Pass.
const (
	Pass    Outcome = "PASS"
	Fail    Outcome = "FAIL"
	Skip    Outcome = "SKIP"
	Unknown Outcome = "UNKNOWN"
)

// Case is one case of one round.
type Case struct {
	Name     string        `json:"case"`
	Round    int           `json:"round"`
	Fault    string        `json:"fault"`
	Targets  []string      `json:"targets"`
	Outcome  Outcome       `json:"outcome"`
	Reason   string        `json:"reason,omitempty"` // why not Pass
	Started  time.Time     `json:"started"`
	Injected time.Time     `json:"injected,omitzero"`
	Healed   time.Time     `json:"healed,omitzero"`
	Ended    time.Time     `json:"ended"`
	Failover time.Duration `json:"-"`                     // from injection until another member led; 0: not measured
	Recover  time.Duration `json:"-"`                     // from healing until all were healthy; 0: never
	Packets  uint64        `json:"packets,omitempty"`     // that the fault met
	Tries    int           `json:"check_tries,omitempty"` // of the check; 0: none was run
	Archives []string      `json:"archives,omitempty"`    // where the data of a failed case went
	Phases   []Phase       `json:"phases,omitempty"`      // of the loads
	FirstOK  time.Duration `json:"-"`                     // from injection until an operation succeeded that began after it; 0: none
	Flow     []Point       `json:"-"`
	Picture  string        `json:"picture,omitempty"` // of a history that breaks its model
	Struck   []Strike      `json:"struck,omitempty"`  // the faults
	Idle     bool          `json:"idle,omitempty"`    // Fail for a fault that had no effect: it says nothing of the cluster
}

// MarshalJSON writes spans of time as seconds.
func (c Case) MarshalJSON() ([]byte, error) {
	type plain Case
	return json.Marshal(struct {
		plain
		Failover float64 `json:"failover,omitempty"`
		Recovery float64 `json:"recovery,omitempty"`
		FirstOK  float64 `json:"first_ok,omitempty"`
	}{plain(c), c.Failover.Seconds(), c.Recover.Seconds(), c.FirstOK.Seconds()})
}

// UnmarshalJSON reads them.
func (c *Case) UnmarshalJSON(b []byte) error {
	type plain Case
	var spans struct {
		Failover, Recovery float64
		FirstOK            float64 `json:"first_ok"`
	}
	if err := json.Unmarshal(b, (*plain)(c)); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &spans); err != nil {
		return err
	}
	span := func(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
	c.Failover, c.Recover, c.FirstOK = span(spans.Failover), span(spans.Recovery), span(spans.FirstOK)
	return nil
}

// Span is a stretch of a member's time.
type Span struct {
	Member string    `json:"member"`
	Lane   Lane      `json:"lane"`
	Value  string    `json:"value"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// Lane is what a span tells of.
type Lane string

// The lanes of a member.
const (
	State  Lane = "state"
	Health Lane = "health"
	Fault  Lane = "fault"
)

// Run is all that was done.
type Run struct {
	Name    string    `json:"name"`
	Seed    uint64    `json:"seed"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Members []string  `json:"members"`
	Cases   []Case    `json:"-"`
	Spans   []Span    `json:"-"`
	Error   string    `json:"error,omitempty"` // what ended it early

	ID       string   `json:"run,omitempty"`      // FAULT_RUN of its commands
	NotRun   []string `json:"not_run,omitempty"`  // cases that were planned
	Evidence string   `json:"evidence,omitempty"` // the directory, if it was kept
	Repeat   string   `json:"-"`                  // the command that does the same again
	Host     string   `json:"-"`                  // of the tester
}

// Count is how many cases came to o.
func (r *Run) Count(o Outcome) int {
	n := 0
	for _, c := range r.Cases {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// Line is what is said of a case when it has ended.
func (c Case) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s round %d %s", c.Outcome, c.Round, c.Name)
	if len(c.Targets) > 0 {
		fmt.Fprintf(&b, " on %s", strings.Join(c.Targets, ","))
	}
	if c.Failover > 0 {
		fmt.Fprintf(&b, ", failed over in %s", seconds(c.Failover))
	}
	if c.Recover > 0 {
		fmt.Fprintf(&b, ", recovered in %s", seconds(c.Recover))
	}
	if c.FirstOK > 0 {
		fmt.Fprintf(&b, ", served again in %s", seconds(c.FirstOK))
	}
	if c.Reason != "" {
		fmt.Fprintf(&b, ": %s", c.Reason)
	}
	return b.String()
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}

// Table writes all cases and the sum.
func Table(w io.Writer, r *Run) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ROUND\tCASE\tON\tOUTCOME\tFAILOVER\tRECOVERY\tSERVED\tPACKETS\tCHECK\tTRAFFIC\tWHY")
	for _, c := range r.Cases {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Round, c.Name, dash(short(c.Targets)), c.Outcome,
			seconds(c.Failover), seconds(c.Recover), seconds(c.FirstOK), count(c.Packets), c.check(), dash(c.traffic()), dash(strings.Join(strings.Fields(c.Reason), " ")))
	}
	for _, n := range r.NotRun {
		fmt.Fprintf(t, "not run: %s\n", n)
	}
	fmt.Fprintln(t, r.sum())
	if r.Evidence != "" {
		fmt.Fprintf(t, "evidence in %s\n", r.Evidence)
	}
	return t.Flush()
}

// short is names that fit into a column.
func short(names []string) string {
	const most = 6
	if len(names) > most {
		return fmt.Sprintf("%s,... %d members", strings.Join(names[:most], ","), len(names))
	}
	return strings.Join(names, ",")
}

func (c Case) check() string {
	switch {
	case c.Tries == 0:
		return "-"
	case c.Tries == 1:
		return "1 try"
	}
	return fmt.Sprintf("%d tries", c.Tries)
}

func (r *Run) sum() string {
	more := ""
	if n := r.Count(Unknown); n > 0 {
		more = fmt.Sprintf(", %d unknown", n)
	}
	if len(r.NotRun) > 0 {
		more += ", not all were run"
	}
	return fmt.Sprintf("%d passed, %d failed, %d skipped%s in %s (seed %d)", r.Count(Pass), r.Count(Fail), r.Count(Skip), more,
		r.Ended.Sub(r.Started).Round(time.Second), r.Seed)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func count(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// JSON writes one value as a line.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // it goes to a log, not into a page
	return e.Encode(v)
}

// Summary is the last of the JSON lines.
type Summary struct {
	Run
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Unknown int `json:"unknown"`
}

// Summary counts the cases.
func (r *Run) Summary() Summary {
	return Summary{*r, r.Count(Pass), r.Count(Fail), r.Count(Skip), r.Count(Unknown)}
}
