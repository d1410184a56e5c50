package signals

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	good := map[string]syscall.Signal{
		"TERM": syscall.SIGTERM, "SIGTERM": syscall.SIGTERM, "term": syscall.SIGTERM, "15": syscall.SIGTERM,
		"SigKill": syscall.SIGKILL, "1": syscall.SIGHUP, "IOT": syscall.SIGABRT, "SIGCLD": syscall.SIGCHLD, "poll": syscall.SIGIO,
	}
	for text, want := range good {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "65", "256", "1.5", "FOO", "SIG", "SIGSIGTERM", "+15", "TERM ", "RTMIN+31", "RTMAX+1", "RTMIN3", "RTMIN+"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", text, got)
		} else if want := "is not a signal such as TERM, SIGTERM or 15"; !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Parse(%q): %v", text, err)
		}
	}
}

func TestNamesAreReadBack(t *testing.T) {
	names := Names()
	if len(names) < 25 || names[0] != "HUP" {
		t.Fatalf("Names() = %v", names)
	}
	for n := syscall.Signal(1); n <= 64; n++ {
		if got, err := Parse(Name(n)); err != nil || got != n {
			t.Errorf("Parse(Name(%d) = %q) = %v, %v", int(n), Name(n), got, err)
		}
	}
}

func TestParseSchedule(t *testing.T) {
	for text, want := range map[string]string{
		"TERM/20/KILL/5":            "TERM/20/KILL/5",
		"-TERM/20/-9/5":             "TERM/20/KILL/5",
		"sigterm/0.5/SIGKILL/0":     "TERM/500ms/KILL/0",
		"INT/5/KILL":                "INT/5/KILL/5",
		"TERM":                      "TERM/5",
		"7":                         "TERM/7/KILL/7",
		"500ms":                     "TERM/500ms/KILL/500ms",
		"TERM/1m30s/KILL/1m":        "TERM/90/KILL/60",
		"HUP/TERM/3":                "HUP/TERM/3",
		"forever/TERM/10":           "forever/TERM/10",
		"TERM/5/forever/KILL/1":     "TERM/5/forever/KILL/1",
		"TERM/5/forever/KILL/1/INT": "TERM/5/forever/KILL/1/INT/0",
	} {
		s, err := ParseSchedule(text)
		if err != nil || s.String() != want {
			t.Errorf("ParseSchedule(%q) = %v, %v; want %s", text, s, err, want)
		}
	}
}

func TestMalformedScheduleSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                        `schedule "": step 1: it is empty`,
		"/":                       `schedule "/": step 1: it is empty`,
		"TERM/":                   `schedule "TERM/": step 2: it is empty`,
		"TERM//5":                 `schedule "TERM//5": step 2: it is empty`,
		"TERM/x":                  `schedule "TERM/x": step 2: "x" is neither a signal such as TERM nor a wait such as 20 or 500ms`,
		"TERM/-5s":                `schedule "TERM/-5s": step 2: "-5s" is neither a signal such as TERM nor a wait such as 20 or 500ms`,
		"5/KILL":                  `schedule "5/KILL": step 1: wait 5 has no signal before it (write -5 for a signal number)`,
		"TERM/5/9":                `schedule "TERM/5/9": step 3: wait 9 follows a wait (write -9 for a signal number)`,
		"TERM/5/forever":          `schedule "TERM/5/forever": nothing follows forever`,
		"forever":                 `schedule "forever": nothing follows forever`,
		"forever/5":               `schedule "forever/5": step 2: wait 5 has no signal before it (write -5 for a signal number)`,
		"forever/TERM/1/forever/": `schedule "forever/TERM/1/forever/": step 4: forever appears a second time`,
		"TERM/5/forever/KILL":     `schedule "TERM/5/forever/KILL": the waits after forever must be at least 10ms in all`,
		"forever/TERM/1ns":        `schedule "forever/TERM/1ns": the waits after forever must be at least 10ms in all`,
	} {
		if s, err := ParseSchedule(text); err == nil || err.Error() != want {
			t.Errorf("ParseSchedule(%q) = %v, %v; want %s", text, s, err, want)
		}
	}
}

func TestChanges(t *testing.T) {
	parse := func(text string) Schedule {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct{ got, want string }{
		{Default().String(), "TERM/20/KILL/5"},
		{Default().WithGrace(3 * time.Second).String(), "TERM/3/KILL/5"},
		{Default().WithGrace(0).String(), "TERM/KILL/5"},
		{parse("HUP/TERM/9/KILL/5").WithGrace(time.Second).String(), "HUP/TERM/1/KILL/5"},
		{Default().WithStacks(time.Second).String(), "TERM/20/QUIT/1/KILL/5"},
		{parse("TERM/5").WithStacks(time.Second).String(), "TERM/5/QUIT/1"},
		{parse("KILL/5").WithStacks(time.Second).String(), "QUIT/1/KILL/5"},
		{Default().Within(time.Minute).String(), "TERM/20/KILL/5"},
		{Default().Within(5 * time.Second).String(), "TERM/4/KILL/1"},
		{Default().Within(0).String(), "TERM/KILL/0"},
		{parse("forever/TERM/10").Within(5 * time.Second).String(), "TERM/5"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	if s := Default(); s.WithGrace(0) == nil || s.Within(0) == nil || s.String() != "TERM/20/KILL/5" {
		t.Errorf("a change touched the original: %s", s)
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"TERM/20/KILL/5", "5", "forever/-15/1ms", "TERM//", "QUIT/1h/forever/KILL/0.1", "1e9", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q became %q, read back as %q, %v", text, s, again, err)
		}
		if short := s.Within(time.Second); short.Total() > time.Second {
			t.Fatalf("%q within 1s takes %v", text, short.Total())
		}
	})
}
