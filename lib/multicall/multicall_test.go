package multicall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/applet"
)

// probe is an applet that prints its operands and options, or fails as told.
func probe(name string) applet.Entry {
	return applet.Entry{Name: name, New: func() *applet.Applet {
		var grace time.Duration
		var file, stacks, fail string
		var env []string
		var group bool
		return &applet.Applet{
			Name: name, Summary: "probe", Synopsis: []string{"[OPERAND...]"}, Description: "A probe.",
			Statuses: []applet.Item{{Name: "0", Text: "done"}}, Operand: applet.Command,
			Examples: []applet.Example{{Text: "Run it:", Lines: []string{name}}},
			Caveats:  "None.", Exclusive: [][]string{{"group", "fail"}}, Requires: []applet.Need{{Option: "grace", OneOf: []string{"pid-file", "fail"}}},
			Options: []applet.Option{
				applet.String(&file, "pid-file pidfile p", "FILE", "the pidfile"),
				applet.Duration(&grace, "grace", "D", "the grace"),
				applet.Switch(&group, "group g", "the group"),
				applet.Strings(&env, "env E", "K=V", "a variable"),
				applet.Optionally("show-stacks", "D", "stacks", "1s", func(s string) error { stacks = s; return nil }),
				applet.String(&fail, "fail", "HOW", "fail so"),
			},
			Run: func(c *applet.Call) error {
				if fail == "panic" {
					panic("boom\n")
				}
				if fail != "" {
					return failures()[fail]
				}
				_, err := fmt.Fprintf(c.Stdout, "%s p=%s grace=%v group=%v E=%q stacks=%s q=%v v=%v %q\n", name, file, grace, group, env, stacks, c.Quiet, c.Verbose, c.Args)
				return err
			},
		}
	}}
}

func failures() map[string]error {
	return map[string]error{
		"no":         applet.Fail(applet.No, "held"),
		"absent":     applet.Fail(applet.Absent, "gone"),
		"hint":       applet.WithHint(applet.Fail(applet.Unsafe, "bad mode"), "chmod 644 %s", "a\nb"),
		"deadline":   fmt.Errorf("waiting: %w", context.DeadlineExceeded),
		"permission": &fs.PathError{Op: "open", Path: "/a\nforged: line\x1b[31m\xff", Err: syscall.EACCES},
		"other":      errors.New("it broke"),
		"silent":     applet.Exit(applet.TimedOut),
		"usage":      applet.Usage("no pidfile given"),
	}
}

func list() []applet.Entry {
	return []applet.Entry{probe("pid-alive"), probe("pid-kill"), probe("sipid")}
}

// judged is what two kinds of errors come to.
func judged(err error) (applet.Status, string) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return applet.TimedOut, ""
	case errors.Is(err, fs.ErrPermission):
		return applet.Unsafe, "ask root"
	}
	return applet.OK, ""
}

func call(args ...string) (int, string, string) {
	var out, err bytes.Buffer
	status := Main(args, strings.NewReader(""), &out, &err, list(), judged, nil)
	return status, out.String(), err.String()
}

func TestCommandLines(t *testing.T) {
	plain := " p= grace=0s group=false E=[] stacks= q=false v=false []\n"
	for _, c := range []struct {
		line   string
		status int
		out    string
		err    string
	}{
		{"pid-kill", 0, "pid-kill" + plain, ""},
		{"/usr/bin/pid-kill", 0, "pid-kill" + plain, ""},
		{"-pid-kill", 0, "pid-kill" + plain, ""},
		{"pidbox pid-kill", 0, "pid-kill" + plain, ""},
		{"whatever pid-kill", 0, "pid-kill" + plain, ""},
		{"pid-kill help", 0, strings.Replace("pid-kill"+plain, "[]\n", "[\"help\"]\n", 1), ""},
		{"pid-kill -p f --grace 3 -gqv -E a,b -E c x --grace y", 0, `pid-kill p=f grace=3s group=true E=["a,b" "c"] stacks= q=true v=true ["x" "--grace" "y"]` + "\n", ""},
		{"pid-kill -pf --pidfile=g --grace=0.5 --show-stacks -- -x --", 0, `pid-kill p=g grace=500ms group=false E=[] stacks=1s q=false v=false ["-x" "--"]` + "\n", ""},
		{"pid-kill --show-stacks=2s -p=f -g=false -", 0, `pid-kill p=f grace=0s group=false E=[] stacks=2s q=false v=false ["-"]` + "\n", ""},
		{"pid-kill --grace x", 64, "", "pid-kill: --grace: \"x\" is not a duration such as 500ms, 1m30s or 20\ntry 'pid-kill --help'\n"},
		{"pid-kill --grace -1", 64, "", "pid-kill: --grace: \"-1\" is negative\ntry 'pid-kill --help'\n"},
		{"pid-kill --group=maybe", 64, "", "pid-kill: --group takes no value, and \"maybe\" was given\ntry 'pid-kill --help'\n"},
		{"pid-kill --grase 3", 64, "", "pid-kill: unknown option --grase; did you mean --grace?\ntry 'pid-kill --help'\n"},
		{"pid-kill --xyzzy=3", 64, "", "pid-kill: unknown option --xyzzy\ntry 'pid-kill --help'\n"},
		{"pid-kill -x", 64, "", "pid-kill: unknown option -x\ntry 'pid-kill --help'\n"},
		{"pid-kill -gx", 64, "", "pid-kill: unknown option -gx\ntry 'pid-kill --help'\n"},
		{"pid-kill -\xff", 64, "", "pid-kill: unknown option -\\xff\ntry 'pid-kill --help'\n"},
		{"pid-kill --p f", 64, "", "pid-kill: unknown option --p\ntry 'pid-kill --help'\n"},
		{"pid-kill ---grace 3", 64, "", "pid-kill: unknown option ---grace; did you mean --grace?\ntry 'pid-kill --help'\n"},
		{"pid-kill --=", 64, "", "pid-kill: unknown option --\ntry 'pid-kill --help'\n"},
		{"pid-kill -pid-file f", 64, "", "pid-kill: -pid-file is spelled --pid-file\ntry 'pid-kill --help'\n"},
		{"pid-kill --grace", 64, "", "pid-kill: --grace needs a value (D)\ntry 'pid-kill --help'\n"},
		{"pid-kill -gp", 64, "", "pid-kill: -p needs a value (FILE)\ntry 'pid-kill --help'\n"},
		{"pid-kill --gro", 64, "", "pid-kill: unknown option --gro; did you mean --group?\ntry 'pid-kill --help'\n"},
		{"pid-kill --pid-f x", 64, "", "pid-kill: unknown option --pid-f; did you mean --pid-file?\ntry 'pid-kill --help'\n"},
		{"pid-kill --g", 64, "", "pid-kill: unknown option --g\ntry 'pid-kill --help'\n"}, // --grace or --group
		{"pid-kill -h x", 64, "", "pid-kill: -h is help only when it stands alone\ntry 'pid-kill --help'\n"},
		{"pid-kill -qh", 64, "", "pid-kill: -h is help only when it stands alone\ntry 'pid-kill --help'\n"},
		{"pid-kill --generate-bash-completion", 64, "", "pid-kill: unknown option --generate-bash-completion\ntry 'pid-kill --help'\n"},
		{"pid-kill --version", 0, "pid-kill (pidbox) devel\n" + origin() + "\n", ""},
		{"pidbox --version", 0, "pidbox (pidbox) devel\n" + origin() + "\n", ""},
		{"pidbox --list", 0, "pid-alive\npid-kill\nsipid\n", ""},
		{"pidbox", 64, "", "pidbox: no applet given\ntry 'pidbox --help'\n"},
		{"", 64, "", "pidbox: no applet given\ntry 'pidbox --help'\n"},
		{"pidbox --hard d", 64, "", "pidbox: --hard needs --install\ntry 'pidbox --help'\n"},
		{"pidbox --install", 64, "", "pidbox: --install takes a directory, for example /usr/local/bin\ntry 'pidbox --help'\n"},
		{"pidbox --list x", 64, "", "pidbox: unexpected operand \"x\"\ntry 'pidbox --help'\n"},
		{"pidbox pid-klil", 127, "", "pidbox: no applet \"pid-klil\"; did you mean pid-kill?\nhint: 'pidbox --list' prints all applets\n"},
		{"pidbox frobnicate", 127, "", "pidbox: no applet \"frobnicate\"\nhint: 'pidbox --list' prints all applets\n"},
		{"pid-kill --fail no -g", 64, "", "pid-kill: --group cannot be combined with --fail\ntry 'pid-kill --help'\n"},
		{"pid-kill --fail no -g --group=false", 1, "", "pid-kill: held\n"}, // a switch that is turned off is not given
		{"pid-kill --grace 0", 64, "", "pid-kill: --grace needs one of --pid-file, --fail\ntry 'pid-kill --help'\n"},
		{"pid-kill --grace 0 -g --fail no --help x", 0, "HELP", ""},
		{"pid-kill --fail no", 1, "", "pid-kill: held\n"},
		{"pid-kill --fail no -q", 1, "", ""},
		{"pid-kill --fail absent -q", 3, "", ""},
		{"pid-kill --fail hint -q", 4, "", "pid-kill: bad mode\nhint: chmod 644 a\\nb\n"},
		{"pid-kill --fail deadline", 124, "", "pid-kill: waiting: context deadline exceeded\n"},
		{"pid-kill --fail permission", 4, "", "pid-kill: open /a\\nforged: line\\x1b[31m\\xff: permission denied\nhint: ask root\n"},
		{"pid-kill --fail other -q", 125, "", "pid-kill: it broke\n"},
		{"pid-kill --fail silent", 124, "", ""},
		{"pid-kill --fail usage", 64, "", "pid-kill: no pidfile given\ntry 'pid-kill --help'\n"},
	} {
		status, out, err := call(strings.Split(c.line, " ")...)
		if c.out == "HELP" && strings.HasPrefix(out, "pid-kill: probe\n") {
			out = c.out
		}
		if status != c.status || out != c.out || err != c.err {
			t.Errorf("%q: status %d, want %d\nstdout %q\n  want %q\nstderr %q\n  want %q", c.line, status, c.status, out, c.out, err, c.err)
		}
	}
}

// TestOperandsThatAreValues is about an applet whose operands can only be one option's values.
func TestOperandsThatAreValues(t *testing.T) {
	entry := probe("pid-kill")
	fresh := func() *applet.Applet {
		a := entry.New()
		a.Operand, a.Operands = applet.Text, applet.Operands{Option: "pid-file", Check: func(s string) error {
			if s == "7" {
				return errors.New("a PID is no pidfile")
			}
			return nil
		}}
		return a
	}
	foreign := func(name, option string) string {
		return map[string]string{"pid-kill --oknodo": "leave it out", "pid-kill -h": "write HOST"}[name+" "+option]
	}
	for _, c := range []struct {
		line   string
		status int
		text   string
	}{
		{"f", 0, "pid-kill p=f grace=0s group=false E=[] stacks= q=false v=false []"},
		{"f --grace 3 -g", 0, "pid-kill p=f grace=3s group=true E=[] stacks= q=false v=false []"},
		{"-g f --grace 3", 0, "pid-kill p=f grace=3s group=true E=[] stacks= q=false v=false []"},
		{"-g -- -f", 0, "pid-kill p=-f grace=0s group=true E=[] stacks= q=false v=false []"},
		{"-", 0, "pid-kill p=- grace=0s group=false E=[] stacks= q=false v=false []"},
		{"f --xyzzy", 64, "pid-kill: unknown option --xyzzy"},
		{"7", 64, `pid-kill: unexpected operand "7": a PID is no pidfile`},
		{"f --show-stacks 3", 64, `pid-kill: unexpected operand "3"; did you mean --show-stacks=3?`},
		{"f --show-stacks=3", 0, "pid-kill p=f grace=0s group=false E=[] stacks=3 q=false v=false []"},
		{"f --oknodo", 64, "pid-kill: unknown option --oknodo: leave it out"},
		{"-h f", 64, "pid-kill: -h is help only when it stands alone: write HOST"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"pid-kill"}, strings.Fields(c.line)...)
		status := Main(args, nil, &out, &errs, []applet.Entry{{Name: "pid-kill", New: fresh}}, judged, foreign)
		first, _, _ := strings.Cut(out.String()+errs.String(), "\n")
		if status != c.status || first != c.text {
			t.Errorf("%q: status %d, want %d; said %q, want %q", c.line, status, c.status, first, c.text)
		}
	}
}

func TestHelpIsTheSameEachWay(t *testing.T) {
	_, want, _ := call("pid-kill", "--help")
	if !strings.Contains(want, "pid-kill") {
		t.Fatalf("help is %q", want)
	}
	for _, line := range []string{"pid-kill -h", "pidbox pid-kill --help", "pidbox help pid-kill", "pid-kill --grace 5 --help x"} {
		if status, out, err := call(strings.Fields(line)...); status != 0 || out != want || err != "" {
			t.Errorf("%q: status %d, stdout %q, stderr %q", line, status, out, err)
		}
	}
	if status, out, _ := call("pidbox", "help"); status != 0 || !strings.Contains(out, "--install") {
		t.Errorf("pidbox help: status %d, %q", status, out)
	}
}

func TestPanicIsOneLine(t *testing.T) {
	status, out, err := call("pid-kill", "--fail", "panic")
	if status != 125 || out != "" || !strings.HasPrefix(err, "pid-kill: internal error: boom\\n (lib/multicall/multicall_test.go:") || strings.Count(err, "\n") != 1 {
		t.Errorf("status %d, stdout %q, stderr %q", status, out, err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestLostOutputIsNoSuccess(t *testing.T) {
	var stderr bytes.Buffer
	status := Main([]string{"pidbox", "--list"}, nil, brokenWriter{}, &stderr, list(), judged, nil)
	if status != 125 || stderr.String() != "pidbox: no space left on device\n" {
		t.Errorf("status %d, stderr %q", status, &stderr)
	}
	if status := Main([]string{"pid-kill", "--xyz"}, nil, io.Discard, brokenWriter{}, list(), judged, nil); status != 64 {
		t.Errorf("with a full stderr: status %d", status)
	}
}

func TestBrokenPipeIsAnError(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	var stderr bytes.Buffer
	if status := Main([]string{"pidbox", "--list"}, nil, w, &stderr, list(), judged, nil); status != 125 || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("status %d, stderr %q", status, &stderr)
	}
}

func TestRawAppletSeesItsLine(t *testing.T) {
	var got []string
	entry := applet.Entry{Name: "sipid", New: func() *applet.Applet {
		return &applet.Applet{Name: "sipid", Raw: true, Failure: applet.No, Run: func(c *applet.Call) error {
			got = c.Args
			return errors.New("no")
		}}
	}}
	var stderr bytes.Buffer
	status := Main([]string{"sipid", "claim", "-pid", "1", "--", "--help"}, nil, io.Discard, &stderr, []applet.Entry{entry}, judged, nil)
	if want := []string{"claim", "-pid", "1", "--", "--help"}; strings.Join(got, " ") != strings.Join(want, " ") || status != 1 {
		t.Errorf("args %q, status %d", got, status)
	}
}
