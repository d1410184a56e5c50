package applets

import (
	"sort"
	"testing"

	"pidbox/lib/applet"
)

func TestListIsSortedAndWhole(t *testing.T) {
	list := List()
	if !sort.SliceIsSorted(list, func(i, j int) bool { return list[i].Name < list[j].Name }) {
		t.Errorf("not sorted: %v", list)
	}
	for _, e := range list {
		a := e.New()
		if a.Name != e.Name {
			t.Errorf("entry %s makes %s", e.Name, a.Name)
		}
		if err := a.Check(); err != nil {
			t.Error(err)
		}
	}
}

// TestDetails holds that each paragraph is of an option, by its first long name, and that no option has two.
func TestDetails(t *testing.T) {
	for _, e := range applet.In(List()) {
		a := e.New()
		seen := map[string]bool{}
		for _, d := range a.Details {
			if o := applet.Find(a.Options, d.Name); o == nil || seen[d.Name] {
				t.Errorf("%s: %s is no option, or has two paragraphs", a.Name, d.Name)
			}
			seen[d.Name] = true
		}
	}
}
