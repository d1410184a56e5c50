//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/signals"
)

// boundExit is one way for a run of pid-bound to end. COMMAND is sh -c script, or the words in line.
type boundExit struct {
	what    string
	options string
	script  string
	line    []string
	act     func(bound, owner *os.Process) // once COMMAND has made the file up; OWNER in options is a process of this test's
}

func boundExits() []boundExit {
	const waits = "touch up; exec sleep 300"
	const stubborn = "trap '' TERM; touch up; while :; do sleep 300; done"
	term := func(bound, _ *os.Process) { bound.Signal(syscall.SIGTERM) }
	kill := func(bound, _ *os.Process) { bound.Kill() }
	orphan := func(_, owner *os.Process) { owner.Kill() }
	return []boundExit{
		{what: "COMMAND is not found", line: []string{"no-such-command"}},
		{what: "COMMAND cannot be executed", line: []string{"/dev/null"}},
		{what: "COMMAND is a directory", line: []string{"/"}},
		{what: "an option is wrong", options: "--max-runtime never", script: "exit 0"},
		{what: "COMMAND leaves a process, and exits with 7", script: "setsid sleep 300 & exit 7"},
		{what: "COMMAND leaves one that ignores TERM, and exits with 7", options: "--grace 0.1", script: "(trap '' TERM; setsid sleep 300) & exit 7"},
		{what: "the limit passes", options: "-m 0.2", script: "exec sleep 300"},
		{what: "the limit passes, and COMMAND exits with 5 at TERM", options: "-m 1", script: "trap 'exit 5' TERM; while :; do sleep 0.01; done"},
		{what: "the limit passes, and COMMAND ignores TERM", options: "-m 0.2 --grace 0.1", script: "trap '' TERM; while :; do sleep 300; done"},
		{what: "the owner exits", options: "--owner OWNER", script: waits, act: orphan},
		{what: "the owner exits, and COMMAND ignores TERM", options: "--owner OWNER --grace 0.1", script: stubborn, act: orphan},
		{what: "the owner is not running", options: "--owner 4194304", script: "exit 0"},
		{what: "pid-bound gets TERM", script: waits, act: term},
		{what: "pid-bound gets TERM, and COMMAND exits with 9 at it", script: "trap 'exit 9' TERM; touch up; while :; do sleep 0.01; done", act: term},
		{what: "pid-bound gets KILL", script: waits, act: kill},
	}
}

// Whatever COMMAND exits with is what pid-bound exits with, by which scope it may be, and by what signal it is killed, by that
// pid-bound is; what other ends there are, each scope has the same. The page on that is as the runs are.
func TestBoundExits(t *testing.T) {
	scopes := boundScopes(t)
	codes, killers := make([]string, len(scopes)), make([]string, len(scopes))
	for i := range scopes {
		codes[i], killers[i] = "the same", "the same"
	}
	turn := 0
	each := func(same func(scope string) string, cells []string) {
		for i, scope := range scopes {
			if turn%len(scopes) != i && os.Getenv("BOUND_ALL") == "" { // each of them in one scope
				continue
			}
			if not := same(scope); not != "" {
				cells[i] = not
			}
		}
		turn++
	}
	for code := range 256 {
		each(func(scope string) string {
			return otherThan(fmt.Sprint(code), endOfShell(t, scope, fmt.Sprint("exit ", code)))
		}, codes)
	}
	for s := syscall.Signal(1); s <= 64; s++ {
		switch s {
		case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGSTOP, syscall.SIGTSTP,
			syscall.SIGTTIN, syscall.SIGTTOU: // none that kills
			continue
		case 32, 33: // the C library's own
			continue
		}
		each(func(scope string) string {
			return otherThan(signals.Name(s), endOfShell(t, scope, fmt.Sprintf("ulimit -c 0; kill -%d $$", s)))
		}, killers)
	}
	rows := []string{
		row("COMMAND exits with 0 to 255", codes),
		row("COMMAND is killed by each signal that kills", killers),
	}
	for _, e := range boundExits() {
		cells := make([]string, len(scopes))
		for i, scope := range scopes {
			cells[i] = endOf(t, scope, e)
		}
		rows = append(rows, row(e.what, cells))
	}
	if len(scopes) == 3 {
		boundExitsPage(t, strings.Join(rows, "\n"))
	}
}

func otherThan(want, got string) string {
	if got == want {
		return ""
	}
	return got + ", not " + want
}

func row(what string, cells []string) string {
	return "| " + what + " | " + strings.Join(cells, " | ") + " |"
}

// endOfShell is the end of pid-bound with a shell that starts nothing.
func endOfShell(t *testing.T, scope, script string) string {
	t.Helper()
	cmd := exec.Command("pid-bound", "--scope", scope, "sh", "-c", script)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if len(out) > 0 {
		t.Errorf("%s, %s: %s", scope, script, out)
	}
	return ending(cmd)
}

// ending is the exit status of what was waited for, or the name of the signal that killed it.
func ending(cmd *exec.Cmd) string {
	end := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if end.Signaled() {
		return signals.Name(end.Signal())
	}
	return fmt.Sprint(end.ExitStatus())
}

// endOf is the ending of pid-bound. Nothing is left then.
func endOf(t *testing.T, scope string, e boundExit) string {
	t.Helper()
	r := newBoundRound(t)
	owner := exec.Command("sleep", "600")
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	defer owner.Wait()
	defer owner.Process.Kill()
	args := append([]string{"-q", "--scope", scope}, strings.Fields(strings.ReplaceAll(e.options, "OWNER", fmt.Sprint(owner.Process.Pid)))...)
	if e.line == nil {
		e.line = []string{"sh", "-c", e.script}
	}
	cmd := r.command("pid-bound", append(append(args, "--"), e.line...)...)
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if e.act != nil {
		for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(cmd.Dir, "up")); err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: COMMAND does not run", e.what)
			}
		}
		e.act(cmd.Process, owner.Process)
	}
	_ = cmd.Wait()
	r.end(t, e.what)
	return ending(cmd)
}

// boundExitsPage holds the table on the page to what was seen, or writes it there.
func boundExitsPage(t *testing.T, rows string) {
	t.Helper()
	const page = "../packaging/docs/exits.md"
	const head = "|---|---|---|---|\n"
	text := read(t, page)
	before, rest, _ := strings.Cut(text, head)
	was, after, _ := strings.Cut(rest, "\n\n")
	switch {
	case was == rows:
	case os.Getenv("PIDBOX_UPDATE") != "":
		if err := os.WriteFile(page, []byte(before+head+rows+"\n\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s has\n%s\nand now it is\n%s", page, was, rows)
	}
}
