//go:build linux

package run

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// A cluster has recovered once all of its members have. One that stays ill after the heal fails the case.
func TestRecoveryIsOfAllMembers(t *testing.T) {
	t.Parallel()
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
	got := w.one("on_failure: {archive: true}\ncases: [{fault: kill, on: m2, recover: 40s}]")
	if got.Outcome != report.Fail || !regexp.MustCompile("^after the fault: not healthy within 40s: (.*; )?m3: ").MatchString(got.Reason) {
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
	got := w.one("on_failure: {archive: true}\ncheck: {exec: 'touch " + checked + "'}\ncases: [{fault: kill, on: m1}]")
	if got.Outcome != report.Fail || !strings.Contains(got.Reason, "m2 died unexpectedly") {
		t.Errorf("got %s %q", got.Outcome, got.Reason)
	}
}

// An agent that does not know what it is asked for is named as one of another version, and so is what is no agent at all.
func TestAgentOfAnotherVersion(t *testing.T) {
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/status":
			fmt.Fprint(w, `{"state":"running","tomorrow":{"is":"another day"}}`)
		case "/v1/stop":
			fmt.Fprint(w, `{}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"not found"}`)
		}
	}))
	defer old.Close()
	c := newClient(plan.Member{Name: "m1", Agent: old.URL}, "", nil)
	if s, err := c.status(t.Context()); err != nil || s.State != fault.Running {
		t.Error(s, err)
	}
	if _, err := c.order(t.Context(), "power", fault.Order{}); err == nil || !strings.Contains(err.Error(), "agent of m1: it does not know power: it may have another version") {
		t.Error(err)
	}
	if _, err := c.order(t.Context(), "stop", fault.Order{}); err == nil || !strings.Contains(err.Error(), "does not answer like an agent") {
		t.Error(err)
	}
}
