//go:build linux

package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pidbox/lib/fault"
	"pidbox/lib/fault/report"
)

// A cluster has recovered once all of its members have. One that stays ill after the heal fails the case.
func TestRecoveryIsOfAllMembers(t *testing.T) {
	w, ill := newCluster(t), filepath.Join(t.TempDir(), "ill")
	w.head = strings.Replace(w.head, "[192.0.2.3], health: {exec: 'true'}", "[192.0.2.3], health: {exec: 'test ! -e "+ill+"'}", 1)
	w.members[1].bend = func(order string, _ *fault.Status) (int, error) {
		switch order {
		case "kill":
			return 0, os.WriteFile(ill, nil, 0o600)
		case "archive": // what follows a failure needs a cluster that is well
			return 0, os.Remove(ill)
		}
		return 0, nil
	}
	got := w.one("cases: [{fault: kill, on: m2, recover: 5s}]")
	if got.Outcome != report.Fail || !strings.HasPrefix(got.Reason, "after the fault: not healthy within 5s: m3") {
		t.Errorf("got %s %q", got.Outcome, got.Reason)
	}
}

// A member that ends by itself after the recovery, while the check runs, fails the case although the check is content.
func TestMemberThatEndsDuringTheCheck(t *testing.T) {
	w, checked := newCluster(t), filepath.Join(t.TempDir(), "checked")
	w.members[1].bend = func(order string, s *fault.Status) (int, error) {
		if _, err := os.Stat(checked); err == nil && order == "status" {
			s.Unexpected, s.Exit = 1, &fault.Exit{Code: 9}
		}
		return 0, nil
	}
	got := w.one("check: {exec: 'touch " + checked + "'}\ncases: [{fault: kill, on: m1}]")
	if got.Outcome != report.Fail || !strings.Contains(got.Reason, "m2 died unexpectedly") {
		t.Errorf("got %s %q", got.Outcome, got.Reason)
	}
}
