//go:build linux

package testscripts

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// status N COMMAND...: runs COMMAND, which must exit with exactly N; 128+n is death by signal n.
func status(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "status N command...")
	start := time.Now()
	err := ts.Exec(args[1], args[2:]...)
	of(ts).last, of(ts).took = args[1:], time.Since(start)
	got, err := exitStatus(err)
	ts.Check(err)
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

func exitStatus(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return 0, err
	case exit.ExitCode() >= 0:
		return exit.ExitCode(), nil
	}
	return 128 + int(exit.Sys().(syscall.WaitStatus).Signal()), nil
}

// says MESSAGE [HINT]: of the applet in the last status command standard error is one line, NAME: text, in the form all
// messages have, which matches MESSAGE; a second line may be only a hint (matching HINT) or the way to the help.
// Standard output is empty.
func says(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "says message [hint]")
	if args[0] == "." {
		ts.Fatalf("any message would do: name the one that is meant")
	}
	names := strings.Join(append(appletNames(), "pidbox"), "|")
	called := regexp.MustCompile(`(?:^|[\s/])(` + names + `)(?:\s|$)`).FindStringSubmatch(strings.Join(of(ts).last, " "))
	if called == nil {
		ts.Fatalf("the last status command called no applet")
	}
	name := called[1]
	if ts.ReadFile("stdout") != "" {
		ts.Fatalf("standard output is not empty")
	}
	lines := strings.Split(ts.ReadFile("stderr"), "\n")
	text, ok := strings.CutPrefix(lines[0], name+": ")
	switch {
	case len(lines) < 2 || lines[len(lines)-1] != "" || len(lines) > 3:
		ts.Fatalf("standard error is not one line and perhaps a hint")
	case !ok:
		ts.Fatalf("the message does not start with %q", name+": ")
	case strings.HasSuffix(text, ".") || text == "" || text[0] >= 'A' && text[0] <= 'Z':
		ts.Fatalf("the message is not lower case without a full stop")
	}
	match(ts, args[0], text)
	second := lines[1]
	hint, isHint := strings.CutPrefix(second, "hint: ")
	if second != "" && !isHint && !regexp.MustCompile(`^try '[a-z -]+ --help'$`).MatchString(second) {
		ts.Fatalf("the second line is neither a hint nor the way to the help")
	}
	if len(args) > 1 {
		match(ts, args[1], hint)
	}
}

func match(ts *testscript.TestScript, expression, text string) {
	re, err := regexp.Compile(expression)
	ts.Check(err)
	if !re.MatchString(text) {
		ts.Fatalf("%q does not match %q", text, expression)
	}
}

// silent: the last command wrote nothing at all.
func silent(ts *testscript.TestScript, args []string) {
	if ts.ReadFile("stdout")+ts.ReadFile("stderr") != "" {
		ts.Fatalf("something was written")
	}
}

// syscalls MAX COMMAND...: runs COMMAND, which must succeed, and makes at most so many system calls, those by which the Go
// runtime minds its threads left out.
func syscalls(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "syscalls max command...")
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	trace := ts.MkAbs(".trace")
	ts.Check(ts.Exec("strace", append([]string{"-f", "-qq", "-e", "signal=none", "-o", trace}, args[1:]...)...))
	n, _, err := traced(trace)
	ts.Check(err)
	ts.Check(os.Remove(trace))
	if n > most {
		ts.Fatalf("%d system calls, more than %d", n, most)
	}
}

// took MIN: the last status command lasted at least MIN. There are no upper bounds: machines may be slow.
func took(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "took duration")
	least, err := time.ParseDuration(args[0])
	ts.Check(err)
	if got := of(ts).took; got < least {
		ts.Fatalf("took %v, less than %v", got, least)
	}
}
