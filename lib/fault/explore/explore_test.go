package explore

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// What is left fails, and nothing can be left out of it.
func TestShrink(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := r.Perm(1 + r.IntN(12))
		culprits := all[:1+r.IntN(len(all))]
		culprits = slices.Clone(culprits[:min(len(culprits), 3)])
		calls := 0
		got := shrink(slices.Clone(all), func(some []int) bool {
			calls++
			for _, c := range culprits {
				if !slices.Contains(some, c) {
					return false
				}
			}
			return true
		})
		slices.Sort(got)
		slices.Sort(culprits)
		if !slices.Equal(got, culprits) || calls > len(all)*len(all)+10 {
			t.Fatalf("seed %d: of %v in %v, %v is left after %d calls", seed, culprits, all, got, calls)
		}
	}
}

// Most votes decide, and no more are taken than that needs.
func TestJury(t *testing.T) {
	for _, one := range []struct {
		runs    string // of each: f fails
		jury    jury
		want    bool
		pending string // what was not run
	}{
		{"ff.", jury{3, 2, 1}, true, "."},
		{"..f", jury{3, 2, 1}, false, "f"},
		{".ff", jury{3, 2, 1}, true, ""},
		{"f", jury{1, 1, 1}, true, ""},
		{"..f.f", jury{3, 2, 3}, true, ""},
		{"......f", jury{3, 2, 3}, false, "f"},
	} {
		left := one.runs
		_, _, got := one.jury.decides(func() bool {
			first := left[0]
			left = left[1:]
			return first == 'f'
		})
		if got != one.want || left != one.pending {
			t.Errorf("%q: %v, %q is left", one.runs, got, left)
		}
	}
}

const members = `
members:
- {name: m1, agent: "unix:1", addresses: [10.0.0.1], health: {exec: "true"}}
- {name: "2", agent: "unix:2", addresses: [10.0.0.2], health: {exec: "true"}}
- {name: m3, agent: "unix:3", addresses: [10.0.0.3], health: {exec: "true"}}
`

func parsed(t *testing.T, text string) *plan.Plan {
	t.Helper()
	p, err := plan.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.Source = []byte(text)
	return p
}

// Every case that is drawn can be written and read again, as it was; the same seed draws the same; every cell has its turn.
func TestDraws(t *testing.T) {
	for _, text := range []string{members + "cases: [{fault: none}]\n", members + "leader: echo m1\n# of cases\ncases:\n- {fault: none} # one\nrounds: 3\nseed: 8\n"} {
		p := parsed(t, text)
		faults := Faults(p, map[string]fault.Status{})
		if len(faults) != 11 {
			t.Errorf("faults %q", faults)
		}
		d, again := newDrawer(p, faults, 3), newDrawer(p, faults, 3)
		var all []plan.Case
		for range 300 {
			c := d.next()
			if one := again.next(); fields(one) != fields(c) || len(one.Also) != len(c.Also) {
				t.Fatal("the same seed draws another case")
			}
			if len(c.Also) > 2 {
				t.Errorf("%d faults", len(c.Also)+1)
			}
			all = append(all, c)
		}
		for _, c := range d.cells {
			if d.met[c] == 0 {
				t.Errorf("%v was never wanted", c)
			}
		}
		path := filepath.Join(t.TempDir(), "p.yaml")
		if err := write(path, p, all, "head"); err != nil {
			t.Fatal(err)
		}
		read, err := plan.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(read.Cases) != 300 || read.Rounds != 1 || read.Seed != p.Seed || len(read.Members) != 3 {
			t.Errorf("%d cases, %d rounds, seed %d", len(read.Cases), read.Rounds, read.Seed)
		}
		for i, c := range read.Cases {
			if fields(c) != fields(all[i]) || len(c.Also) != len(all[i].Also) || c.Name != all[i].Name {
				t.Fatalf("%s was read as %s", fields(all[i]), fields(c))
			}
			for j, a := range c.Also {
				if fields(a.Case) != fields(all[i].Also[j].Case) || a.At != all[i].Also[j].At {
					t.Fatalf("%s was read as %s", fields(all[i].Also[j].Case), fields(a.Case))
				}
			}
		}
	}
}

// Without a leader, no two faults hold on one member at one time.
func TestDrawsApart(t *testing.T) {
	p := parsed(t, members+"cases: [{fault: none}]\n")
	d := newDrawer(p, Faults(p, nil), 6)
	for range 300 {
		all := apart(d.next())
		for i, a := range all {
			for _, b := range all[:i] {
				if a.On.Names[0] == b.On.Names[0] && a.At < b.At+*b.Hold && b.At < a.At+*a.Hold {
					t.Fatalf("%s and %s", fields(a.Case), fields(b.Case))
				}
			}
		}
	}
}

// What was met counts for what comes next.
func TestPrefersWhatWasNotMet(t *testing.T) {
	p := parsed(t, members+"cases: [{fault: none}]\n")
	d := newDrawer(p, []string{"kill", "pause"}, 1)
	d.saw(report.Case{Struck: []report.Strike{{Fault: "kill", Role: report.Member, Moment: report.Steady}, {Fault: "kill", Role: report.Member, Moment: report.Recovery}}})
	for range 2 {
		if c := d.next(); c.Fault != "pause" && (len(c.Also) == 0 || c.Also[0].Fault != "pause") {
			t.Errorf("drew %s", fields(c))
		}
	}
}

// A plan whose pieces are among its cases is refused before anything is broken.
func TestPiecesAmongTheCases(t *testing.T) {
	p := parsed(t, members+"cases:\n- &a {fault: none}\n")
	p.Source = append(p.Source, "x-more: *a\n"...)
	hold := plan.Duration(time.Second)
	err := write(filepath.Join(t.TempDir(), "p"), p, []plan.Case{{Name: "c", Fault: "kill", On: plan.ParseOn("m1"), Hold: &hold}}, "")
	if err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%v", err)
	}
	if err := write(filepath.Join(os.DevNull, "p"), p, nil, ""); err == nil {
		t.Error("written into nothing")
	}
}
