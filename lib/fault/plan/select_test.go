package plan

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestSelect(t *testing.T) {
	names := func(p *Plan) (all []string) {
		for _, c := range p.Cases {
			all = append(all, c.Name)
		}
		return all
	}
	many := func() *Plan {
		p := &Plan{}
		for i := range 20 {
			p.Cases = append(p.Cases, Case{Name: fmt.Sprint("case-", i)})
		}
		return p
	}
	for _, one := range []struct {
		patterns []string
		want     []string
	}{
		{nil, names(many())},
		{[]string{"case-3"}, []string{"case-3"}},
		{[]string{"case-1?", "case-0", "case-10"}, append([]string{"case-0"}, names(many())[10:]...)},
	} {
		p := many()
		if err := p.Select(one.patterns); err != nil || !slices.Equal(names(p), one.want) {
			t.Errorf("%q: %v, %v", one.patterns, names(p), err)
		}
	}
	p := many()
	none := new(NoCaseError)
	if err := p.Select([]string{"case-*", "x"}); !errors.As(err, &none) || none.Pattern != "x" || len(p.Cases) != 20 {
		t.Errorf("%v, and %d cases are left", err, len(p.Cases))
	}
	if got := none.There(); got != "there are case-0, case-1, case-2, case-3, case-4, case-5, case-6, case-7, case-8, case-9, case-10, case-11, and 8 more" {
		t.Error(got)
	}
	if err := p.Select([]string{"["}); err == nil || errors.As(err, new(*NoCaseError)) {
		t.Errorf("a pattern that is none: %v", err)
	}
}
