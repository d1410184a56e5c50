// Package multicall is the way from a command line to an applet and back to an exit status: one binary that
// is whatever it is called, after BusyBox.
package multicall

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/signals"
)

// Judge gives an error of a mechanism its exit status, and a hint or "". OK means that the error has no status of its
// own: it is a failure of the applet.
type Judge func(error) (status applet.Status, hint string)

// Foreign gives the option of another program that does what the applet does, as it was typed, our word for it: a clause
// that follows a colon, or "".
type Foreign func(applet, option string) string

// Main runs the applet that args name and returns the exit status. The applet is the base name of args[0], a
// leading - of a login shell dropped; under any other name, args[1]. Main prints the one message of a failure, with the
// status and the hint that judge has for it; it never panics, and a broken pipe is an error like any other. An applet that
// a signal ended dies of it here.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, list []applet.Entry, judge Judge, foreign Foreign) int {
	signals.QuitAsUsual()
	name, fresh, rest := choose(args, list)
	call := &applet.Call{Name: "pidbox", Line: args, Args: rest, Stdin: stdin,
		Stdout: &output{to: unbroken(stdout)}, Stderr: unbroken(stderr)}
	if fresh == nil {
		return int(report(call, unknownApplet(name, list), applet.Failed, judge))
	}
	a := fresh()
	if a == nil {
		without := applet.Fail(applet.NotFound, "no applet %q in this build", name)
		return int(report(call, applet.WithHint(without, "the full build of pidbox has it"), applet.Failed, judge))
	}
	call.Name, call.As = a.Name, name
	failure := a.Failure
	if failure == applet.OK {
		failure = applet.Failed
	}
	err := enoughDescriptors()
	if err == nil {
		err = run(a, call, foreign)
	}
	status := report(call, err, failure, judge)
	var caught *signals.Caught
	if errors.As(err, &caught) {
		signals.Die(caught.Signal)
	}
	return int(status)
}

// choose returns the name that was asked for, the constructor of what has it, or nil, and its arguments.
func choose(args []string, list []applet.Entry) (string, func() *applet.Applet, []string) {
	if len(args) == 0 {
		args = []string{""}
	}
	own := func() *applet.Applet { return Self(list) }
	name := strings.TrimPrefix(filepath.Base(args[0]), "-")
	if fresh := find(name, list); fresh != nil {
		return name, fresh, args[1:]
	}
	if len(args) > 2 && args[1] == "--" {
		args = args[1:]
	}
	asked := len(args) > 2 && (args[1] == "--help" || args[1] == "-h") && !strings.HasPrefix(args[2], "-")
	helped := asked || len(args) > 1 && args[1] == "help"
	if len(args) < 2 || strings.HasPrefix(args[1], "-") && !helped {
		return "pidbox", own, args[1:]
	}
	if !helped {
		return args[1], find(args[1], list), args[2:]
	}
	if len(args) == 2 {
		return "pidbox", own, []string{"--help"}
	}
	return args[2], find(args[2], list), append([]string{"--help"}, args[3:]...)
}

func find(name string, list []applet.Entry) func() *applet.Applet {
	for _, e := range list {
		if e.Name == name || slices.Contains(e.Also, name) || e.DropIn && strings.HasPrefix(name, e.Name+".") {
			return e.New
		}
	}
	return nil
}

func unknownApplet(name string, list []applet.Entry) error {
	var names []string
	for _, e := range applet.In(list) {
		names = append(names, e.Name)
	}
	text := fmt.Sprintf("no applet %q", name)
	word := strings.ToLower(filepath.Base(name))
	near := applet.Nearest(word, names)
	switch word {
	case "install", "list", "version":
		near = "--" + word
	case "ls", "applets":
		near = "--list"
	case "man":
		near = "help"
	case "claim", "lock", "flock", "lockf":
		near = "pid-claim"
	case "kill", "stop", "killproc", "pkill", "killall":
		near = "pid-kill"
	case "alive", "status", "pidof", "pidofproc", "pgrep", "ps", "check":
		near = "pid-alive"
	case "bound", "timeout":
		near = "pid-bound"
	case "start", "daemon", "background", "setsid", "nohup":
		near = "daemonize"
	case "restart", "supervise", "supervisord", "supervisorctl", "runsv", "respawn", "monitor", "run", "init", "tini":
		near = "keep-alive"
	case "wait", "health", "healthcheck", "wait-for", "wait-for-it":
		near = "wait-healthy"
	}
	if near != "" {
		text += "; did you mean " + near + "?"
	}
	return applet.WithHint(applet.Fail(applet.NotFound, "%s", text), "'pidbox --list' prints all applets")
}

// run is a's action on the arguments in call, a panic made an error that says where.
func run(a *applet.Applet, call *applet.Call, foreign Foreign) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("internal error: %v%s", what, panicSite())
		}
	}()
	if a.Raw {
		return raw(a, call)
	}
	return parse(a, call, foreign)
}

// panicSite is the innermost place of this module on the stack, as " (lib/proc/open.go:12)".
func panicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "pidbox/") {
			dir := strings.TrimPrefix(f.Function[:strings.LastIndex(f.Function, "/")+1], "pidbox/")
			pkg, _, _ := strings.Cut(f.Function[strings.LastIndex(f.Function, "/")+1:], ".")
			return fmt.Sprintf(" (%s%s/%s:%d)", dir, pkg, filepath.Base(f.File), f.Line)
		}
		if !more {
			return ""
		}
	}
}
