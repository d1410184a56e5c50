package report

import (
	"fmt"
	"strings"
	"time"
)

// Phase is what the loads did in a part of a case.
type Phase struct {
	Name    string  `json:"phase"` // warmup, fault, recovery, cooldown
	Seconds float64 `json:"seconds"`
	OK      int     `json:"ok"`
	Failed  int     `json:"failed"`
	Unknown int     `json:"unknown"`
	Rate    float64 `json:"ok_per_second"`
}

func (p Phase) String() string {
	s := fmt.Sprintf("%s %d ok", p.Name, p.OK)
	if p.Failed > 0 {
		s += fmt.Sprintf(" %d failed", p.Failed)
	}
	if p.Unknown > 0 {
		s += fmt.Sprintf(" %d unknown", p.Unknown)
	}
	return fmt.Sprintf("%s %.1f/s", s, p.Rate)
}

// traffic is all phases in one line.
func (c Case) traffic() string {
	var all []string
	for _, p := range c.Phases {
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}

// Bucket is the time of a Point.
const Bucket = 250 * time.Millisecond

// Point is what the loads did in a Bucket; Failed counts what nobody knows, too.
type Point struct {
	At         time.Time
	OK, Failed int
}

func phases(c Case) string {
	var all []string
	for _, p := range c.Phases {
		all = append(all, escape(p.String()))
	}
	return dash(strings.Join(all, "<br>"))
}

// flow draws the operations of the loads: for each moment a bar of those that succeeded, and below it of those that did not.
func flow(b *strings.Builder, r *Run, x func(time.Time) float64, y int) {
	most := 1
	for _, c := range r.Cases {
		for _, p := range c.Flow {
			most = max(most, p.OK, p.Failed)
		}
	}
	fmt.Fprintf(b, "<text class=\"member\" x=\"8\" y=\"%d\">operations</text>\n", y+12)
	for _, c := range r.Cases {
		for _, p := range c.Flow {
			from, wide := x(p.At), max(x(p.At.Add(Bucket))-x(p.At)-0.3, 0.5)
			if high := float64(p.OK) / float64(most) * 2 * row; p.OK > 0 {
				rect(b, "healthy", from, float64(y+2*row)-high, wide, high, p)
			}
			if high := float64(p.Failed) / float64(most) * row; p.Failed > 0 {
				rect(b, "unhealthy", from, float64(y+2*row), wide, high, p)
			}
		}
	}
}

func rect(b *strings.Builder, class string, x, y, wide, high float64, p Point) {
	fmt.Fprintf(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>%s: %d ok, %d failed or unknown</title></rect>\n",
		class, x, y, wide, max(high, 1), clock(p.At), p.OK, p.Failed)
}
