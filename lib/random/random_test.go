package random

import "testing"

func TestText(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s := Text(8)
		if len(s) != 16 || seen[s] {
			t.Fatalf("%q", s)
		}
		seen[s] = true
	}
	if len(Bytes(0)) != 0 {
		t.Error("bytes of nothing")
	}
}
