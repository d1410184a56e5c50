package applets

import (
	"bytes"
	"strings"
	"testing"

	"pidbox/lib/applet"
	"pidbox/lib/multicall"
)

// FuzzCommandLine parses any command line of any applet, the action left out: no panic, 0 or usage, one message.
func FuzzCommandLine(f *testing.F) {
	var inert []applet.Entry
	for _, e := range List() {
		inert = append(inert, applet.Entry{Name: e.Name, New: func() *applet.Applet {
			a := e.New()
			a.Run = func(*applet.Call) error { return nil }
			return a
		}})
	}
	for i := range inert {
		f.Add(i, "-p\x00f\x00--grace\x001\x00--\x00x")
		f.Add(i, "-qvn\x00--retry=TERM/\x00--pid\x00-1")
		f.Add(i, "--help\x00-\x00--=\x00---")
	}
	f.Fuzz(func(t *testing.T, i int, line string) {
		if i < 0 || strings.Contains(line, "@") { // some values name files to read
			return
		}
		name := inert[i%len(inert)].Name
		var stdout, stderr bytes.Buffer
		status := multicall.Main(append([]string{name}, strings.Split(line, "\x00")...), nil, &stdout, &stderr, inert, Status, Foreign)
		said := stderr.String()
		switch {
		case status == 0 && said == "":
		case status != int(applet.BadUsage):
			t.Errorf("%s %q: status %d, said %q", name, line, status, said)
		case stdout.Len() > 0 || strings.Count(said, "\n") != 2 || !strings.HasPrefix(said, name+": ") || !strings.HasSuffix(said, "\ntry '"+name+" --help'\n"):
			t.Errorf("%s %q: printed %q, said %q", name, line, &stdout, said)
		}
	})
}
