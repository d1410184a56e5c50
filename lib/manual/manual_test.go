//go:build !pidbox_some

package manual

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pidbox/lib/applet"
)

// sample is an applet whose texts hold what each format treats as its own.
func sample() *applet.Applet {
	var file, user, dir string
	var env []string
	var d time.Duration
	return &applet.Applet{
		Name: "pid-sample", Summary: "do what the process's pidfile asks", Synopsis: []string{"-p FILE [--grace D] [--show-stacks[=D]] COMMAND [ARG...]", ""},
		Description: "First. Second with --grace and 'quotes' and back\\slash.\n\n.Dt is not a request here; a well-known thing, don't you think?",
		Operand:     applet.Command,
		Options: []applet.Option{
			applet.String(&file, "pid-file pidfile p", "FILE", "the pidfile [not: a directory]").As(applet.File),
			applet.Duration(&d, "grace", "D", "it's the first wait; a text that is long enough that it has to be broken into two lines of the help"),
			applet.Optionally("show-stacks", "D", "show stacks", "1s", func(string) error { return nil }),
			applet.Strings(&env, "env E", "K=V", "a variable"),
			applet.String(&user, "user u", "USER", "the user").As(applet.User),
			applet.String(&dir, "chdir", "DIR", "the directory").As(applet.Dir),
		},
		Statuses:    []applet.Item{{Name: "0", Text: "done"}, {Name: "128+n", Text: "killed by signal n"}},
		Environment: []applet.Item{{Name: "NOTIFY_SOCKET", Text: "where it's told"}},
		Files:       []applet.Item{{Name: "/run/web.pid", Text: "the pidfile"}},
		Examples:    []applet.Example{{Text: "Stop it:", Lines: []string{"pid-sample -p /run/web.pid || echo \"it's $?\" ~ `x` ^", "", ".hidden 'x'"}}, {Text: "Again:", Lines: []string{"pid-sample"}}},
		Caveats:     "None.",
		Exclusive:   [][]string{{"grace", "show-stacks"}, {"grace", "env"}},
		Requires:    []applet.Need{{Option: "user", OneOf: []string{"chdir"}}},
		SeeAlso:     []string{"kill(2)", "pid-alive(1)", "start-stop-daemon(8)"},
		Run:         func(*applet.Call) error { return nil },
	}
}

func TestHelp(t *testing.T) {
	want := `pid-sample: do what the process's pidfile asks

usage: pid-sample -p FILE [--grace D] [--show-stacks[=D]] COMMAND [ARG...]
       pid-sample

options:
  -p, --pid-file, --pidfile FILE
                          the pidfile [not: a directory]
  --grace D               it's the first wait; a text that is long enough that
                          it has to be broken into two lines of the help
  --show-stacks[=D]       show stacks
  -E, --env K=V           a variable; may be repeated
  -u, --user USER         the user
  --chdir DIR             the directory
  -q, --quiet             do not explain an answer of "no"; errors are always
                          printed
  -v, --verbose           report each step on standard error
  -h, --help              show this help
  --version               show the version

  --grace cannot be combined with --show-stacks or --env
  --user needs --chdir

exit status:
  0      done
  128+n  killed by signal n

example:
  # Stop it:
  pid-sample -p /run/web.pid || echo "it's $?" ~ ` + "`x`" + ` ^

  .hidden 'x'
`
	if got := Help(sample()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPageShowsTextsAsTheyAre(t *testing.T) {
	page := Page(sample(), Edition{"1.2.3", "November 22, 2026"})
	for _, want := range []string{
		".Dd November 22, 2026\n.Dt PID-SAMPLE 1\n.Os pidbox 1.2.3\n",
		".Nd do what the process\\(aqs pidfile asks\n",
		"First.\nSecond with \\fB\\-\\-grace\\fR and \\(aqquotes\\(aq and back\\eslash.\n",
		"\\&.Dt is not a request here; a well-known thing, don't you think?\n",
		".It Fl p , Fl \\-pid\\-file , Fl \\-pidfile Ar FILE\n",
		".It Fl \\-show\\-stacks Ns Oo = Ns Ar D Oc\n",
		".Xr pid\\-alive 1 ,\n.Xr pidbox 1 ,\n.Xr kill 2 ,\n.Xr pidbox\\-syntax 7 ,\n.Xr start\\-stop\\-daemon 8\n",
		".El\n.Pp\n\\fB\\-\\-grace\\fR cannot be combined with \\fB\\-\\-show\\-stacks\\fR or \\fB\\-\\-env\\fR\\&.\n.br\n\\fB\\-\\-user\\fR needs \\fB\\-\\-chdir\\fR\\&.\n",
		"\\&.hidden \\(aqx\\(aq\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestReadersAcceptTheSample(t *testing.T) {
	dir := t.TempDir()
	for path, text := range Files([]*applet.Applet{sample()}, Edition{"1.2.3", "November 22, 2026"}) {
		file := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		words := map[string]string{".1": "mandoc -Tlint -Wwarning", ".bash": "bash -n", ".fish": "fish -n", "": "zsh -n"}[filepath.Ext(path)]
		run(t, append(strings.Fields(words), file)...)
	}
}

func TestBashCompletes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c")
	if err := os.WriteFile(file, []byte(Bash(sample())), 0o644); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{"--pid": "--pid-file --pidfile", "--grace 5 --sh": "--show-stacks", "-u roo": "root"} {
		got := run(t, "bash", "-c", `. "$1"; COMP_WORDS=(pid-sample $2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _pid_sample 2>/dev/null; echo "${COMPREPLY[*]}"`, "bash", file, line)
		if strings.TrimSpace(got) != want {
			t.Errorf("%q completes to %q, want %q", line, got, want)
		}
	}
}

func run(t *testing.T, words ...string) string {
	t.Helper()
	if _, err := exec.LookPath(words[0]); err != nil {
		t.Skipf("%s is not here", words[0])
	}
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

func TestDocument(t *testing.T) {
	part := func(name string) (string, error) {
		if name == "bench" {
			return "quick\n", nil
		}
		return "", errors.New("unknown")
	}
	const text = "a\n<!-- begin bench -->\nslow\n<!-- end bench -->\nb\n<!-- begin bench -->\n<!-- end bench -->\n"
	const want = "a\n<!-- begin bench -->\nquick\n<!-- end bench -->\nb\n<!-- begin bench -->\nquick\n<!-- end bench -->\n"
	for _, from := range []string{text, want} {
		if got, err := Document(from, part); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for _, bad := range []string{"<!-- begin other -->\n<!-- end other -->", "<!-- begin bench -->\n"} {
		if _, err := Document(bad, part); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestUsageBreaksBetweenGroups(t *testing.T) {
	got := strings.Join(groups("-p FILE... [--user USER[:GROUP]] [-E K=V]... --pid PID [--group|--tree] [--] COMMAND [ARG...]"), "|")
	if want := "-p FILE...|[--user USER[:GROUP]]|[-E K=V]...|--pid PID|[--group|--tree]|[--]|COMMAND|[ARG...]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
