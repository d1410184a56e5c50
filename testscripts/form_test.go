//go:build linux

package testscripts

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestScriptForm holds the scripts to their form: each applet has the three scripts nobody should forget, each script
// says what it shows, none sleeps for a time in the hope that something has happened.
func TestScriptForm(t *testing.T) {
	files := scripts(t, func(string) bool { return true })
	for _, applet := range appletNames() {
		for _, behaviour := range []string{"usage", "help", "shell"} {

			if name := applet + "_" + behaviour + ".txtar"; !slices.Contains(files, name) {
				t.Errorf("%s has no script %s", applet, name)
			}
		}
	}
	named := regexp.MustCompile(`^(` + strings.Join(append(appletNames(), "pidbox", "harness"), "|") + `)_[a-z0-9_]+\.txtar$`)
	phase := regexp.MustCompile(`(?m)^# [A-Z\[a-z-].*`)
	sleep := regexp.MustCompile(`\bsleep\s+[0-9.]`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(text), "\n-- ")
		switch {
		case !named.MatchString(file):
			t.Errorf("%s is not named <applet>_<behaviour>.txtar", file)
		case !phase.MatchString(script):
			t.Errorf("%s: no phase (# sentence) says what is shown", file)
		case sleep.Match(text):
			t.Errorf("%s sleeps for a time: wait for a condition, or use sleeper", file)
		}
	}
}
