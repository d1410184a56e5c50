package explore

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"pidbox/lib/fault/plan"
)

// write writes a plan with other cases, and sees that it can be read.
func write(path string, p *plan.Plan, cases []plan.Case, head string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n%s\nseed: %d\ncases:\n", head, without(string(p.Source), "cases", "seed", "rounds", "shuffle"), p.Seed)
	for _, c := range cases {
		fmt.Fprintf(&b, "- {name: %s, %s", c.Name, fields(c))
		if len(c.Also) > 0 {
			b.WriteString(", also: [")
			for i, a := range c.Also {
				if i > 0 {
					b.WriteString(", ")
				}
				fmt.Fprintf(&b, "{at: %v, %s}", time.Duration(a.At), fields(a.Case))
			}
			b.WriteString("]")
		}
		b.WriteString("}\n")
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return err
	}
	if _, err := plan.Load(path); err != nil {
		return fmt.Errorf("the plan with other cases cannot be read (its keys must be at the beginning of lines, and its pieces not among its cases): %w", err)
	}
	return nil
}

func fields(c plan.Case) string {
	s := fmt.Sprintf("fault: %s, on: %q, hold: %v", c.Fault, c.On.String(), time.Duration(*c.Hold))
	if c.Delay.From > 0 {
		s += fmt.Sprintf(", delay: %v", time.Duration(c.Delay.From))
	}
	if c.Percent > 0 {
		s += fmt.Sprintf(", percent: %v", c.Percent)
	}
	return s
}

// without leaves keys of the whole out, with what is under them.
func without(text string, keys ...string) string {
	key := regexp.MustCompile(`^["']?([A-Za-z_-][A-Za-z0-9_-]*)["']?[ \t]*:`)
	var b strings.Builder
	out := false
	for line := range strings.Lines(text) {
		if m := key.FindStringSubmatch(line); m != nil {
			out = slices.Contains(keys, m[1])
		}
		if !out {
			b.WriteString(line)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}
