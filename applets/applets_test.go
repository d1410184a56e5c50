package applets

import (
	"sort"
	"testing"
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
