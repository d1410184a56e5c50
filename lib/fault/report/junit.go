package report

import (
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"
)

// JUnit writes the cases as JUnit's XML, as CI systems read it.
func JUnit(w io.Writer, r *Run) error {
	var b strings.Builder
	unknown, errors := r.Count(Unknown), r.Count(Unknown)
	if r.Error != "" {
		errors++
	}
	fmt.Fprintf(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n")
	fmt.Fprintf(&b, "  <testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" errors=\"%d\" time=\"%.3f\" timestamp=\"%s\">\n",
		escape(dash(r.Name)), len(r.Cases)+len(r.NotRun)+errors-unknown, r.Count(Fail), r.Count(Skip)+len(r.NotRun), errors, r.Ended.Sub(r.Started).Seconds(),
		r.Started.UTC().Format("2006-01-02T15:04:05"))
	for _, c := range r.Cases {
		fmt.Fprintf(&b, "    <testcase classname=\"%s.round%d\" name=\"%s\" time=\"%.3f\">", escape(dash(r.Name)), c.Round,
			escape(c.Name), c.Ended.Sub(c.Started).Seconds())
		switch c.Outcome {
		case Fail:
			fmt.Fprintf(&b, "<failure message=\"%s\"/>", escape(c.Reason))
		case Unknown:
			fmt.Fprintf(&b, "<error message=\"%s\"/>", escape(c.Reason))
		case Skip:
			fmt.Fprintf(&b, "<skipped message=\"%s\"/>", escape(c.Reason))
		}
		fmt.Fprintf(&b, "<system-out>targets %s, failover %s, recovery %s, packets %d, %s, traffic %s</system-out></testcase>\n",
			escape(dash(strings.Join(c.Targets, ","))), seconds(c.Failover), seconds(c.Recover), c.Packets, c.check(), escape(dash(c.traffic())))
	}
	for _, n := range r.NotRun {
		fmt.Fprintf(&b, "    <testcase classname=\"%s\" name=\"%s\" time=\"0\"><skipped message=\"not run\"/></testcase>\n",
			escape(dash(r.Name)), escape(n))
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "    <testcase classname=\"%s\" name=\"run\" time=\"0\"><error message=\"%s\"/></testcase>\n",
			escape(dash(r.Name)), escape(r.Error))
	}
	b.WriteString("  </testsuite>\n</testsuites>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// escape is for XML and HTML alike; what XML cannot hold even escaped becomes a question mark. Package html would add its
// table of entities to the binary, and its start to every applet's; text/template is there for the help.
func escape(s string) string {
	return template.HTMLEscapeString(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }
