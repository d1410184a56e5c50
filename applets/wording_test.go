package applets

import (
	"regexp"
	"strings"
	"testing"

	"pidbox/lib/manual"
)

// TestWording holds the help and the pages to the words of the head comment of applet.Call.Say, as far as a machine can.
func TestWording(t *testing.T) {
	purged := regexp.MustCompile(`(?i)\b(some|no|every|any)body\b|\bwhom\b|\bso many\b|\bat last\b|\blikewise\b|\bmeanwhile\b|` +
		`\blets? go of\b|\btold\b|\bprocess (number|id)\b|\bexchanged?\b|\bno time\b|\bgoes? with\b|\bexclude each other\b`)
	allowed := regexp.MustCompile(`ACTION WHOM|do one thing to WHOM`) // a placeholder
	for _, a := range everything() {
		page := manual.Page(a, manual.Edition{Version: "1", Date: "January 1, 2026"})
		for line := range strings.Lines(page + manual.Help(a)) {
			plain := allowed.ReplaceAllString(strings.NewReplacer(`\fI`, "", `\fB`, "", `\fR`, "").Replace(line), "")
			if found := purged.FindString(plain); found != "" {
				t.Errorf("%s: %q in %q", a.Name, found, strings.TrimSpace(line))
			}
		}
	}
}
