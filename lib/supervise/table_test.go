package supervise

import (
	"os"
	"strings"
	"testing"
)

// TestTableIsTheOneOfTheComment holds the table that is drawn in the package comment against the one in the code.
func TestTableIsTheOneOfTheComment(t *testing.T) {
	text, err := os.ReadFile("supervise.go")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		cells, ok := strings.CutPrefix(line, "//\t")
		if ok {
			rows = append(rows, strings.Fields(cells))
		}
	}
	names := []string{"started", "failed", "exited", "sick", "gone", "survived", "refused", "due", "stop", "leave", "restart", "forward"}
	if len(rows) != 1+int(done) || strings.Join(rows[0], " ") != strings.Join(names, " ") {
		t.Fatalf("drawn are %q", rows)
	}
	for p, row := range table() {
		drawn := rows[1+p]
		if name := []string{"starting", "aborting", "running", "following", "stopping", "waiting", "sweeping"}[p]; drawn[0] != name || len(drawn) != 1+int(events) {
			t.Fatalf("row %q, want that of %s", drawn, name)
		}
		for e, act := range row {
			if name := act.name; drawn[1+e] != name && (drawn[1+e] != "-" || name != "") {
				t.Errorf("%s, %s: %q is drawn, %q is done", drawn[0], names[e], drawn[1+e], name)
			}
			if (act.name == "") != (act.do == nil) {
				t.Errorf("%s, %s: a name without an action, or the other way", drawn[0], names[e])
			}
		}
	}
}
