//go:build linux

// Package testscripts tests the applets as their users meet them: by command line, exit status and output.
//
// Every <applet>_<behaviour>.txtar is one script. As root the whole suite runs in a PID namespace of its own, so
// that nothing survives it and a PID's reuse can be forced; scripts that do so end in _reuse and run alone. Scripts
// that end in _shell run under dash, bash and busybox, named by $SHELL_UNDER_TEST.
package testscripts

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"pidbox/applets"
)

// TestMain is reached by every name the test binary is linked to. A name that is not known runs pidbox, as any link to
// it would, and not the suite once more.
func TestMain(m *testing.M) {
	commands := fixtures()
	maps.Copy(commands, hostiles())
	for _, name := range append(append(appletNames(), "pidbox"), aliases()...) {
		commands[name] = func() { os.Exit(pidbox()) }
	}
	if commands[filepath.Base(os.Args[0])] == nil {
		if !isSuite() {
			os.Exit(pidbox())
		}
		enterNamespace()
	}
	testscript.Main(suite{m}, commands)
}

func isSuite() bool {
	byGo := func(arg string) bool { return strings.HasPrefix(arg, "-test.") }
	return os.Getenv(marker) == "" && (strings.HasSuffix(os.Args[0], ".test") || slices.ContainsFunc(os.Args[1:], byGo))
}

// suite runs the tests with the commands in reach of other users, and looks for what they left behind.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	syscall.Umask(0o022)
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		if signal.Ignored(sig) { // as under nohup, or in a shell's background; applets and fixtures would inherit that
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	path := os.Getenv("PATH")
	postgres, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	os.Setenv("PATH", strings.Join(append([]string{path, "/usr/local/sbin", "/usr/sbin", "/sbin"}, postgres...), ":"))
	bin, _, _ := strings.Cut(path, ":")
	if err := os.Chmod(filepath.Dir(bin), 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flag.Set("test.parallel", "8") // scripts wait more than they work; -parallel overrides it
	status := s.m.Run()
	if left := strays(); len(left) > 0 && status == 0 {
		fmt.Fprintf(os.Stderr, "processes outlived the tests: %q\n", left)
		return 1
	}
	if left := strayGroups(); len(left) > 0 && status == 0 {
		fmt.Fprintf(os.Stderr, "control groups outlived the tests: %q\n", left)
		return 1
	}
	return status
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params(t, scripts(t, func(name string) bool { return !isShell(name) && !isReuse(name) })))
}

func TestShellScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"dash", "bash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				missing(t, shell)
			}
			if shell == "busybox" { // a shell under this name only
				link := filepath.Join(t.TempDir(), "ash")
				if err := os.Symlink(path, link); err != nil {
					t.Fatal(err)
				}
				path = link
			}
			p := params(t, scripts(t, isShell))
			p.Setup = func(e *testscript.Env) error {
				e.Setenv("SHELL_UNDER_TEST", path)
				return setup(e)
			}
			testscript.Run(t, p)
		})
	}
}

// TestReuse is alone: another test's forks would take the numbers these scripts want.
func TestReuse(t *testing.T) {
	if alone(t) {
		testscript.RunT(serial{t}, params(t, scripts(t, isReuse)))
	}
}

func isShell(name string) bool { return strings.HasSuffix(name, "_shell.txtar") }
func isReuse(name string) bool { return strings.HasSuffix(name, "_reuse.txtar") }

func scripts(t *testing.T, want func(string) bool) []string {
	all, err := filepath.Glob("*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(name string) bool { return !want(name) || beyond(t, name) })
	if len(all) == 0 {
		t.Skip("no such scripts")
	}
	return all
}

// beyond says that a script is about what this build leaves out: an applet, or the checks by HTTP that come with it.
func beyond(t *testing.T, script string) bool {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	web := strings.Contains(string(text), "http://") || strings.Contains(string(text), "\nhttpd ")
	for _, e := range applets.List() {
		if e.New() == nil && (web || strings.Contains(string(text), e.Name)) {
			return true
		}
	}
	return false
}

// serial runs scripts one after another: RunT calls Parallel on each.
type serial struct{ *testing.T }

func (serial) Parallel()     {}
func (serial) Verbose() bool { return testing.Verbose() }
func (s serial) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(serial{t}) })
}

func params(t *testing.T, files []string) testscript.Params {
	return testscript.Params{Files: silenced(t, files), Setup: setup, Condition: condition, Cmds: scriptCommands(), RequireUniqueNames: true}
}

func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "namespace":
		return inNamespace(), nil
	}
	return false, fmt.Errorf("no such condition")
}

// missing skips a test for want of a tool, except in CI, where everything is installed.
func missing(t interface {
	Skip(...any)
	Fatal(...any)
}, what string) {
	if os.Getenv("CI") != "" {
		t.Fatal(what + " is missing")
	}
	t.Skip(what + " is missing")
}
