//go:build linux

package testscripts

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// patience is how long a script waits for what must come: long, for a loaded machine.
const patience = 60 * time.Second

type scriptKey struct{}

// script is what the commands of one script remember.
type script struct {
	t    testscript.T
	env  []string // as the script began
	last []string // the last status command
	took time.Duration
}

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	commands := map[string]func(*testscript.TestScript, []string){
		"status":   status,
		"says":     says,
		"silent":   silent,
		"took":     took,
		"signal":   sendSignal,
		"pidvar":   pidvar,
		"stalepid": stalepid,
		"race":     race,
		"httpd":    httpd,
		"procis":   procis,
		"reuse":    reuse,
		"tmpfs":    tmpfs,
		"filemode": filemode,
		"forge":    forge,
		"long":     long,
		"need":     need,
	}
	all := map[string]func(*testscript.TestScript, bool, []string){"waitfor": waitfor}
	for name, command := range commands {
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("unsupported: ! %s", name)
			}
			command(ts, args)
		}
	}
	return all
}

func needArgs(ts *testscript.TestScript, args []string, n int, usage string) {
	if len(args) < n {
		ts.Fatalf("usage: %s", usage)
	}
}

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
	name := ""
	for _, word := range of(ts).last {
		if slices.Contains(append(appletNames(), "pidbox"), filepath.Base(word)) {
			name = filepath.Base(word)
			break
		}
	}
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

// took MIN: the last status command lasted at least MIN. There are no upper bounds: machines may be slow.
func took(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "took duration")
	least, err := time.ParseDuration(args[0])
	ts.Check(err)
	if got := of(ts).took; got < least {
		ts.Fatalf("took %v, less than %v", got, least)
	}
}

// waitfor [-t D] exists FILE | alive PID | gone PID | grep RE FILE: waits until it is so; with ! until it is not so.
// PID is a number or a pidfile; a zombie is gone.
func waitfor(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "waitfor [-t duration] exists file | alive pid | gone pid | grep regexp file"
	limit := patience
	if len(args) > 1 && args[0] == "-t" {
		d, err := time.ParseDuration(args[1])
		ts.Check(err)
		limit, args = d, args[2:]
	}
	needArgs(ts, args, 2, usage)
	holds := awaited(ts, args, usage)
	for end := time.Now().Add(limit); holds() == neg; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			if text, err := os.ReadFile(ts.MkAbs(args[len(args)-1])); err == nil {
				ts.Logf("[%s]\n%s", args[len(args)-1], text)
			}
			ts.Fatalf("waited %v in vain for %q", limit, args)
		}
	}
}

func awaited(ts *testscript.TestScript, args []string, usage string) func() bool {
	switch args[0] {
	case "exists":
		return func() bool { _, err := os.Lstat(ts.MkAbs(args[1])); return err == nil }
	case "alive":
		return func() bool { pid, err := pidOf(ts, args[1]); return err == nil && running(pid) }
	case "gone":
		pid, err := pidOf(ts, args[1]) // now: the file may change or go away
		ts.Check(err)
		return func() bool { return !running(pid) }
	case "grep":
		needArgs(ts, args, 3, usage)
		re, err := regexp.Compile("(?m)" + args[1])
		ts.Check(err)
		return func() bool { text, err := os.ReadFile(ts.MkAbs(args[2])); return err == nil && re.Match(text) }
	}
	ts.Fatalf("usage: %s", usage)
	return nil
}

// pidOf is a number, or the one in a pidfile.
func pidOf(ts *testscript.TestScript, arg string) (int, error) {
	if pid, err := strconv.Atoi(arg); err == nil {
		return pid, nil
	}
	text, err := os.ReadFile(ts.MkAbs(arg))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// signal SIG PID: sends a signal to a number or to what a pidfile names.
func sendSignal(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "signal name pid")
	sig := unix.SignalNum("SIG" + args[0])
	if sig == 0 {
		ts.Fatalf("no signal %s", args[0])
	}
	pid, err := pidOf(ts, args[1])
	ts.Check(err)
	ts.Check(syscall.Kill(pid, sig))
}

// pidvar NAME PIDFILE: sets $NAME to the number in the file.
func pidvar(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "pidvar name pidfile")
	pid, err := pidOf(ts, args[1])
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(pid))
}

// stalepid NAME: sets $NAME to the PID of a process that has ended.
func stalepid(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "stalepid name")
	cmd := exec.Command("true")
	ts.Check(cmd.Run())
	ts.Setenv(args[0], strconv.Itoa(cmd.Process.Pid))
}

// race N [-hold K] STATUS=COUNT... COMMAND...: runs N copies of COMMAND at once; so many of them must exit with each
// status. %n in an argument is the copy's number from 1. With -hold K the last K copies are ended by TERM (143) as soon
// as all others have ended: winners that stay.
func race(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 3, "race n [-hold k] status=count... command...")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	hold, args := 0, args[1:]
	if args[0] == "-hold" {
		hold, err = strconv.Atoi(args[1])
		ts.Check(err)
		args = args[2:]
	}
	want := map[int]int{}
	for ; len(args) > 0; args = args[1:] {
		var status, count int
		if _, err := fmt.Sscanf(args[0], "%d=%d", &status, &count); err != nil {
			break
		}
		want[status] = count
	}
	got, output := runRace(ts, n, hold, args)
	ts.Logf("[race] %v\n%s", got, output)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		ts.Fatalf("exit statuses and their counts: %v, want %v", got, want)
	}
}

func runRace(ts *testscript.TestScript, n, hold int, args []string) (map[int]int, string) {
	var mu sync.Mutex
	var output bytes.Buffer
	counts := map[int]int{}
	running := map[*exec.Cmd]bool{}
	ended := make(chan error, n)
	for i := range n {
		own := make([]string, len(args))
		for j, arg := range args {
			own[j] = strings.ReplaceAll(arg, "%n", strconv.Itoa(i+1))
		}
		cmd := exec.Command(own[0], own[1:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), of(ts).env
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		ts.Check(cmd.Start())
		mu.Lock()
		running[cmd] = true
		mu.Unlock()
		go func() {
			code, err := exitStatus(cmd.Wait())
			mu.Lock()
			defer mu.Unlock()
			counts[code]++
			delete(running, cmd)
			output.Write(out.Bytes())
			ended <- err
		}()
	}
	late := time.After(patience)
	for i := range n {
		if i == n-hold {
			mu.Lock()
			for cmd := range running {
				cmd.Process.Signal(syscall.SIGTERM)
			}
			mu.Unlock()
		}
		select {
		case err := <-ended:
			ts.Check(err)
		case <-late:
			ts.Fatalf("%d of %d still run", n-i, n)
		}
	}
	return counts, output.String()
}

// httpd NAME STATUS...: serves the statuses one after another, then the last for ever; $NAME is the URL. A status may
// carry a body, as in 200:ready.
func httpd(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "httpd name status...")
	var served atomic.Int64
	answers := args[1:]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := min(int(served.Add(1)), len(answers)) - 1
		code, body, _ := strings.Cut(answers[i], ":")
		n, _ := strconv.Atoi(code)
		w.WriteHeader(n)
		fmt.Fprint(w, body)
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}

// reuse PID [COMMAND...]: starts COMMAND (a sleeper) as a process with exactly this number, in the background.
func reuse(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "reuse pid [command...]")
	if !inNamespace() || !isReuse(ts.Name()+".txtar") {
		ts.Fatalf("reuse is for scripts named *_reuse in a PID namespace of their own")
	}
	pid, err := pidOf(ts, args[0])
	ts.Check(err)
	command := args[1:]
	if len(command) == 0 {
		command = []string{"sleeper"}
	}
	cmd, err := startAs(pid, func() *exec.Cmd {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), of(ts).env
		return cmd
	})
	ts.Check(err)
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	ts.Defer(func() { cmd.Process.Kill(); <-ended })
}

// startAs starts a command as a process with exactly this number.
func startAs(pid int, command func() *exec.Cmd) (*exec.Cmd, error) {
	for range 2000 { // threads of our own may take the number first
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			return nil, err
		}
		cmd := command()
		if err := cmd.Start(); err != nil || cmd.Process.Pid == pid {
			return cmd, err
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	return nil, fmt.Errorf("process number %d could not be had", pid)
}

// tmpfs DIR SIZE: makes DIR a small file system of its own (64k).
func tmpfs(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "tmpfs dir size")
	if !inNamespace() {
		ts.Fatalf("tmpfs needs a mount namespace of its own: say need namespace first")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,size="+args[1]))
	ts.Defer(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// filemode MODE FILE: FILE has exactly these permission bits, in octal.
func filemode(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "filemode mode file")
	var st unix.Stat_t
	ts.Check(unix.Lstat(ts.MkAbs(args[1]), &st))
	if got := fmt.Sprintf("%o", st.Mode&0o7777); got != strings.TrimLeft(args[0], "0") {
		ts.Fatalf("mode %s, want %s", got, args[0])
	}
}

const recordName = "user.pidbox.claim"

// forge FILE KEY=VALUE...: changes fields of the record in the pidfile's extended attribute; a bare - removes it.
func forge(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "forge file key=value... | -")
	ts.Check(forgeRecord(ts.MkAbs(args[0]), args[1:]...))
}

func forgeRecord(path string, fields ...string) error {
	if fields[0] == "-" {
		return unix.Lremovexattr(path, recordName)
	}
	record := make([]byte, 4096)
	n, err := unix.Lgetxattr(path, recordName, record)
	if err != nil {
		return err
	}
	text := string(record[:n])
	for _, field := range fields {
		key, _, _ := strings.Cut(field, "=")
		re := regexp.MustCompile(`\b` + regexp.QuoteMeta(key) + `=\S+`)
		if !re.MatchString(text) {
			return fmt.Errorf("no field %s in the record %q", key, text)
		}
		text = re.ReplaceAllLiteralString(text, field)
	}
	return unix.Lsetxattr(path, recordName, []byte(text), 0)
}

// long NAME N [BASE]: sets $NAME to a path of N characters under BASE (the work directory), no component over 200.
func long(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "long name length [base]")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	path := ts.MkAbs(strings.Join(args[2:], ""))
	for len(path) < n {
		path = filepath.Join(path, strings.Repeat("x", min(200, max(1, n-len(path)-1))))
	}
	ts.Setenv(args[0], path)
}

// need TOOL... | root | namespace: the script is skipped where it is missing; in CI a missing tool fails.
func need(ts *testscript.TestScript, args []string) {
	for _, what := range args {
		switch what {
		case "root":
			if os.Geteuid() != 0 {
				of(ts).t.Skip("needs root")
			}
		case "namespace":
			if os.Geteuid() != 0 || os.Getenv("CI") == "" && !inNamespace() {
				of(ts).t.Skip("needs root")
			} else if !inNamespace() {
				ts.Fatalf("no PID namespace to be had")
			}
		default:
			if _, err := exec.LookPath(what); err != nil && os.Getenv("CI") != "" {
				ts.Fatalf("%s is missing", what)
			} else if err != nil {
				of(ts).t.Skip(what + " is missing")
			}
		}
	}
}
