//go:build !pidbox_some || applet_fault_tester

package applets

import (
	"fmt"
	"slices"
	"strings"

	"pidbox/lib/fault/plan"
)

func isPlan(word string) bool {
	return strings.HasSuffix(word, ".yaml") || strings.HasSuffix(word, ".yml")
}

// insteadOf is the command or action that another word is likely to mean, or "".
func insteadOf(word string) string {
	for _, one := range []struct{ ours, theirs string }{
		{"run", "test start execute"},
		{"list", "ls validate verify cases dry-run plan"},
		{"check", "status ping health"},
		{"lab", "create setup"},
		{"explore", "random fuzz"},
		{"slow", "delay latency"},
		{"loss", "drop"},
		{"isolate", "partition cut disconnect"},
		{"power", "crash reboot"},
		{"resume", "unpause cont continue"},
		{"pause", "freeze suspend"},
		{"fill", "disk full"},
	} {
		if slices.Contains(strings.Fields(one.theirs), word) {
			return one.ours
		}
	}
	return ""
}

func faultName(s string) (string, error) {
	if !slices.Contains(plan.Faults(), s) {
		return "", fmt.Errorf("unknown fault %q, known faults are %s", s, strings.Join(plan.Faults(), ", "))
	}
	return s, nil
}
