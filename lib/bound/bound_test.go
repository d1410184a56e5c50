package bound

import (
	"fmt"
	"testing"
)

func TestParseScope(t *testing.T) {
	for _, s := range []Scope{Group, Namespace, Tree} {
		if got, err := ParseScope(s.String()); got != s || err != nil {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	for _, text := range []string{"", "any", "group", "CGROUP"} {
		if got, err := ParseScope(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// A line names six, or five and how many more there are.
func TestJoin(t *testing.T) {
	var names []string
	for n, want := range []string{"", "0", "0, 1", "0, 1, 2", "0, 1, 2, 3", "0, 1, 2, 3, 4", "0, 1, 2, 3, 4, 5", "0, 1, 2, 3, 4 and 2 more"} {
		if got := Join(names); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
		names = append(names, fmt.Sprint(n))
	}
}
