package applets

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestShellsComplete has bash and fish complete command lines with the files that are installed.
func TestShellsComplete(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"web.pid", "web.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "wdir"), 0o755); err != nil {
		t.Fatal(err)
	}
	user := strings.SplitN(shell(t, dir, "id", "-un"), "\n", 2)[0]
	for _, c := range []struct {
		line       string // the last word is the one to complete
		want, deny []string
	}{
		{"pid-kill --", []string{"--pid-file", "--show-stacks", "--retry", "--help"}, []string{"--child-pid-file"}},
		{"pid-kill --signal US", []string{"USR1", "USR2"}, []string{"TERM"}},
		{"pid-kill -p w", []string{"web.pid", "web.log"}, nil},
		{"pid-claim --user " + user, []string{user}, []string{"web.pid"}},
		{"daemonize -c w", []string{"wdir"}, []string{"web.pid"}},
		{"keep-alive -p web.pid --leave-on H", []string{"HUP"}, nil},
		{"keep-alive -p web.pid l", []string{"ls"}, []string{"web.pid"}},
		{"pid-claim -p web.pid -- l", []string{"ls"}, nil},
		{"pid-claim -p web.pid -- cat w", []string{"web.pid", "web.log"}, nil}, // the wrapped command's
		{"sipid w", []string{"wait-until-healthy"}, []string{"kill"}},
		{"fault-tester l", []string{"list"}, []string{"run"}},
		{"pidbox pid-", []string{"pid-alive", "pid-claim", "pid-kill"}, []string{"daemonize"}},
		{"pidbox pid-kill --ha", nil, []string{"--hard"}}, // the applet's options are completed by its own file
		{"pidbox --i", []string{"--install"}, []string{"--list"}},
	} {
		words := strings.Fields(c.line)
		for name, complete := range map[string]func() string{
			"bash": func() string { return completeBash(t, dir, words) },
			"fish": func() string { return completeFish(t, dir, words[0], c.line) },
		} {
			if _, err := exec.LookPath(name); err != nil {
				t.Logf("%s is not here", name)
				continue
			}
			var got []string
			for _, line := range strings.Split(complete(), "\n") { // fish puts a description behind a tab
				word, _, _ := strings.Cut(line, "\t")
				got = append(got, strings.TrimSuffix(word, "/"))
			}
			for _, w := range c.want {
				if !slices.Contains(got, w) {
					t.Errorf("%s: %q: no %s among %q", name, c.line, w, got)
				}
			}
			for _, w := range c.deny {
				if slices.Contains(got, w) {
					t.Errorf("%s: %q: %s among %q", name, c.line, w, got)
				}
			}
		}
	}
	for _, name := range []string{"sipid", "fault-tester"} { // "*::" would end the options of zsh at the command
		if text, err := os.ReadFile("../packaging/completions/_" + name); err != nil || strings.Contains(string(text), "*::") {
			t.Errorf("zsh: no options after a command of %s, %v", name, err)
		}
	}
	bash := func(words ...string) []string { return strings.Fields(completeBash(t, dir, words)) }
	if _, err := exec.LookPath("bash"); err == nil {
		if got := bash("pid-claim", "-p", "web.pid", "--", "cat", "--pid-"); len(got) > 0 {
			t.Errorf("an option of the wrapped command is completed as the applet's: %q", got)
		}
		if got := bash("pid-kill", "--signal", "=", "KI"); !slices.Equal(got, []string{"KILL"}) { // as bash splits --signal=KI
			t.Errorf("--signal=KI: %q", got)
		}
	}
}

// completeBash calls what complete -F has registered, as readline does; compopt works inside readline alone.
func completeBash(t *testing.T, dir string, words []string) string {
	file, err := filepath.Abs("../packaging/completions/" + words[0] + ".bash")
	if err != nil {
		t.Fatal(err)
	}
	const script = `compopt() { :; }
. "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
registered=$(complete -p "$1"); registered=${registered#*-F }
"${registered%% *}" "$1" "${!#}"
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"`
	return shell(t, dir, append([]string{"bash", "--norc", "-euc", script, "bash", file}, words...)...)
}

func completeFish(t *testing.T, dir, command, line string) string {
	file, err := filepath.Abs("../packaging/completions/" + command + ".fish")
	if err != nil {
		t.Fatal(err)
	}
	return shell(t, dir, "fish", "--no-config", "-c", `source $argv[1]; complete -C "$argv[2]"`, file, line)
}

func shell(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C.UTF-8")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%q: %v\n%s%s", argv, err, out, &complaints)
	}
	return string(out)
}
