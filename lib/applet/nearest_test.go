package applet

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"pid-file", "pidfile", "p", "grace", "group", "no-wait"}
	for word, want := range map[string]string{"pid-fiel": "pid-file", "grac": "grace", "gorup": "group", "nowait": "no-wait", "x": "p", "zzzzzz": "", "pid_file": "pid-file"} {
		if got := Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
