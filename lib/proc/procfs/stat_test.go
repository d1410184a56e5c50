package procfs

import (
	"errors"
	"strings"
	"testing"
)

const numbersAfterName = "S 1 42 43 0 -1 4194560 13 0 0 0 1 2 3 4 20 0 5 0 98765 227110912 3417 1844674407370955161"

func TestParseStat(t *testing.T) {
	for _, name := range []string{"cat", "a b", "a) S 9 9 9", ") (", "(sd-pam)", "", "x\ny", "\xff)"} {
		st, err := ParseStat([]byte("4711 (" + name + ") " + numbersAfterName + "\n"))
		want := Stat{4711, name, 'S', 1, 42, 43, 4194560, 5, 98765}
		if err != nil || st != want {
			t.Errorf("%q: %+v, %v", name, st, err)
		}
	}
	for _, line := range []string{
		"", "4711", "4711 (cat)", "4711 (cat) S 1 2 3", ")(", "x (cat) " + numbersAfterName,
		"4711 (cat) S" + numbersAfterName,
		"4711 (cat) " + strings.Replace(numbersAfterName, "98765", "-1", 1),
		"4711 (cat) " + strings.Replace(numbersAfterName, "42", "99999999999", 1),
	} {
		if st, err := ParseStat([]byte(line)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %+v, %v", line, st, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("4711 (a) b) " + numbersAfterName))
	f.Add([]byte(") ("))
	f.Fuzz(func(t *testing.T, line []byte) {
		st, err := ParseStat(line)
		if err != nil && st != (Stat{}) {
			t.Errorf("%+v with %v", st, err)
		}
	})
}
