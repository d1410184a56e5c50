package report

import (
	_ "embed"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed style.css
var style string

// Measures of the timeline, in pixels.
const (
	left, row, gap, top = 110, 16, 14, 46
	least               = 1040 // its width, unless the run takes longer
)

// HTML writes the page. html/template would be the usual way, but it costs every applet of this binary its start-up.
func HTML(w io.Writer, r *Run) error {
	var b strings.Builder
	title := escape("fault-tester: " + dash(r.Name))
	fmt.Fprintf(&b, `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>%s</title><style>%s</style></head><body>
<h1>%s</h1>
<p class="sum">%s
<span>%s to %s, %s, seed %d</span></p>
`, title, style, escape(dash(r.Name)), counts(r), r.Started.Format(time.DateTime),
		r.Ended.Format(time.TimeOnly), r.Ended.Sub(r.Started).Round(time.Second), r.Seed)
	if r.Repeat != "" {
		fmt.Fprintf(&b, "<p class=\"repeat\">On %s. The same again: <code>%s</code></p>\n", escape(dash(r.Host)), escape(r.Repeat))
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "<p class=\"error\">The run ended early: %s</p>\n", escape(r.Error))
	}
	if len(r.NotRun) > 0 {
		fmt.Fprintf(&b, "<p class=\"error\">Not run: %s</p>\n", escape(strings.Join(r.NotRun, ", ")))
	}
	timeline(&b, r)
	table(&b, r)
	b.WriteString("</body></html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// counts are the outcomes, each in its colour if there is one of it.
func counts(r *Run) string {
	var all []string
	for _, o := range []struct {
		outcome Outcome
		word    string
	}{{Pass, "passed"}, {Fail, "failed"}, {Skip, "skipped"}, {Unknown, "unknown"}} {
		class, n := string(o.outcome), r.Count(o.outcome)
		if n == 0 {
			class = "zero"
		}
		all = append(all, fmt.Sprintf("<b class=\"%s\">%d %s</b>", class, n, o.word))
	}
	return strings.Join(all, " ")
}

func table(b *strings.Builder, r *Run) {
	b.WriteString("<h2>Cases</h2>\n<div class=\"scroll\"><table><thead><tr>")
	columns := []string{"Round", "Case", "Fault", "On", "Outcome", "Failover", "Recovery", "Served", "Packets", "Check", "Traffic", "Why"}
	for _, name := range columns {
		fmt.Fprintf(b, "<th>%s", name)
	}
	b.WriteString("</tr></thead><tbody>\n")
	for _, c := range r.Cases {
		why := escape(dash(c.Reason))
		if len(c.Archives) > 0 {
			why += "<br><small>archived: " + escape(strings.Join(c.Archives, ", ")) + "</small>"
		}
		if c.Picture != "" {
			why += "<br><a href=\"" + escape("file://"+(&url.URL{Path: c.Picture}).EscapedPath()) + "\">the history, drawn by porcupine</a>"
		}
		b.WriteString("<tr>")
		for i, cell := range []string{fmt.Sprint(c.Round), escape(c.Name), escape(c.Fault), escape(dash(strings.Join(c.Targets, ", "))),
			fmt.Sprintf("<b class=\"%s\">%s</b>", c.Outcome, c.Outcome), seconds(c.Failover), seconds(c.Recover), seconds(c.FirstOK),
			count(c.Packets), c.check(), phases(c), why} {
			class := ""
			if cell == "-" {
				class = " class=\"none\""
			}
			fmt.Fprintf(b, "<td data-of=\"%s\"%s><div>%s</div></td>", columns[i], class, cell)
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></div>\n")
}

func timeline(b *strings.Builder, r *Run) {
	total := max(r.Ended.Sub(r.Started), time.Second)
	width := max(least, total.Seconds()*8)
	x := func(t time.Time) float64 {
		return left + width*min(max(t.Sub(r.Started).Seconds()/total.Seconds(), 0), 1)
	}
	lanes := lanes(r)
	member := len(lanes)*row + gap
	height := top + len(r.Members)*member
	flows := slices.ContainsFunc(r.Cases, func(c Case) bool { return len(c.Flow) > 0 })
	if flows {
		height += 3*row + gap
	}
	fmt.Fprintf(b, "<h2>Timeline</h2>\n<div class=\"scroll\"><svg width=\"%.0f\" height=\"%d\" role=\"img\" aria-label=\"timeline of the members\">\n",
		left+width+20, height+24)
	for i, c := range r.Cases {
		from, to := x(c.Started), x(c.Ended)
		fmt.Fprintf(b, "<g class=\"case c%d\"><title>%s</title><rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"/>", i%2,
			escape(c.Line()), from, to-from, height)
		fmt.Fprintf(b, "<svg x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"><text x=\"4\" y=\"14\">%s</text><text x=\"4\" y=\"29\" class=\"%s\">%s</text></svg></g>\n",
			from, max(to-from-2, 1), top, escape(c.Name), c.Outcome, c.Outcome)
	}
	for i, m := range r.Members {
		y := top + i*member
		fmt.Fprintf(b, "<text class=\"member\" x=\"8\" y=\"%d\">%s</text>\n", y+12, escape(m))
		for j, lane := range lanes {
			fmt.Fprintf(b, "<text class=\"lane\" x=\"%d\" y=\"%d\">%s</text>\n", left-6, y+j*row+12, lane)
			for _, s := range r.Spans {
				if s.Member == m && s.Lane == lane {
					bar(b, s, x(s.From), x(s.To), y+j*row)
				}
			}
		}
	}
	if flows {
		flow(b, r, x, top+len(r.Members)*member)
	}
	step := tick(total)
	for t := time.Duration(0); t <= total; t += step {
		at := left + width*t.Seconds()/total.Seconds()
		fmt.Fprintf(b, "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text class=\"lane axis\" x=\"%.1f\" y=\"%d\">%s</text>\n",
			at, at, top-4, height, at, height+14, t)
	}
	b.WriteString("</svg></div>\n<p class=\"legend\">")
	for _, l := range []string{"running", "paused", "stopped", "exited", "wiped", "new", "unreachable", "healthy", "unhealthy", "fault"} {
		fmt.Fprintf(b, "<span><i class=\"%s\"></i>%s</span> ", l, l)
	}
	b.WriteString("<span><i class=\"band\"></i>a case, from its preparation to its recovery</span></p>\n")
}

// lanes are those that a member has: that of the faults only if one lasts as such, as a cut does.
func lanes(r *Run) []Lane {
	if slices.ContainsFunc(r.Spans, func(s Span) bool { return s.Lane == Fault }) {
		return []Lane{State, Health, Fault}
	}
	return []Lane{State, Health}
}

func bar(b *strings.Builder, s Span, from, to float64, y int) {
	class := strings.Fields(s.Value + " x")[0]
	if s.Lane == Fault {
		class = "fault"
	}
	fmt.Fprintf(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>%s %s: %s, %s to %s, %.2fs</title></rect>\n",
		escape(class), from, y+2, max(to-from, 1), row-4, escape(s.Member), s.Lane, escape(s.Value), clock(s.From), clock(s.To), s.To.Sub(s.From).Seconds())
	if s.Lane == Fault && to-from > 30 {
		fmt.Fprintf(b, "<text class=\"on\" x=\"%.1f\" y=\"%d\">%s</text>\n", from+3, y+12, escape(s.Value))
	}
}

func tick(total time.Duration) time.Duration {
	for _, step := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute} {
		if total/step <= 20 {
			return step
		}
	}
	return (total / 20).Round(time.Minute)
}
