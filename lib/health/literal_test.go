package health

import "testing"

// Targets that are written in more than one way.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"tcp://[fe80::1%lo]:1":     "tcp://[fe80::1%lo]:1",
		"[fe80::1%lo]:1":           "tcp://[fe80::1%lo]:1",
		"http://[fe80::1%25lo]:1/": "http://[fe80::1%25lo]:1/",
		"http://[fe80::1%lo]:1/":   "http://[fe80::1%25lo]:1/",
		"file://localhost/tmp/x":   "file:/tmp/x",
		"file:///tmp/x":            "file:/tmp/x",
		"http://a/[b%20c]":         "http://a/[b%20c]",
	} {
		check, err := Parse(target, Options{})
		if err != nil {
			t.Errorf("%s: %v", target, err)
		} else if check.String() != want {
			t.Errorf("%s: %s", target, check)
		}
	}
}
