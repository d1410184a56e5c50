package plan

import (
	"os"
	"regexp"
	"testing"
)

// Whatever stands in a file, it is read, or refused in one line with its place.
func FuzzParse(f *testing.F) {
	f.Add([]byte(members + "cases: [{fault: kill, on: one}]\n"))
	for _, name := range []string{"etcd", "redis-sentinel"} {
		if b, err := os.ReadFile("../../../packaging/examples/" + name + ".yaml"); err == nil {
			f.Add(b)
		}
	}
	for _, s := range []string{"", "a: &a [*a]", "members: !!x 1", "cases: {", "- - -", "? x", "members: [{name: 1}]\n", "seed: 1e99", "\t", "%YAML 9"} {
		f.Add([]byte(s))
	}
	place := regexp.MustCompile(`^\d+:\d+: [^\n]+$`)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if (p == nil) == (err == nil) || err != nil && !place.MatchString(err.Error()) {
			t.Errorf("%q: %v", b, err)
		}
	})
}
