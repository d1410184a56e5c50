//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A shell with job control on a terminal of its own, to type into.
type typist struct {
	t      *testing.T
	shell  int
	master *os.File
	mu     sync.Mutex
	seen   string
}

func newTypist(t *testing.T, dir string) *typist {
	tools(t, "bash")
	master, terminal := openTerminal(t)
	cmd := exec.Command("bash", "--norc", "--noprofile", "--noediting", "-i")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PS1=ready> ", "TERM=linux", "HISTFILE=", marker+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	y := &typist{t: t, shell: cmd.Process.Pid, master: master}
	go func() {
		text := make([]byte, 4096)
		for {
			n, err := master.Read(text)
			y.mu.Lock()
			y.seen += string(text[:n])
			y.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if left := survivors(dir, patience); len(left) > 0 {
			t.Errorf("left on the terminal: %q", left)
			kill(dir)
		}
	})
	y.await("ready> $")
	return y
}

// types writes to the terminal, and waits until what follows matches, which it returns.
func (y *typist) types(text, want string) string {
	y.t.Helper()
	y.mu.Lock()
	y.seen = ""
	y.mu.Unlock()
	if _, err := y.master.WriteString(text); err != nil {
		y.t.Fatal(err)
	}
	return y.await(want)
}

// job is the only child of the shell.
func (y *typist) job() int {
	y.t.Helper()
	all := childrenOf(y.shell)
	if len(all) == 0 {
		y.t.Fatal("the shell has no child")
	}
	return all[0]
}

func (y *typist) await(want string) string {
	y.t.Helper()
	re := regexp.MustCompile(want)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		y.mu.Lock()
		seen := y.seen
		y.mu.Unlock()
		if re.MatchString(seen) {
			return seen
		}
		if time.Now().After(end) {
			y.t.Fatalf("no %q on the terminal: %q", want, seen)
		}
	}
}

// On a terminal COMMAND is used as without pid-bound: keys, job control and all.
func TestBoundTerminal(t *testing.T) {
	for _, scope := range boundScopes(t) {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			y := newTypist(t, dir)
			bound := "pid-bound --scope " + scope + " "

			// ^C reaches COMMAND once. The status is its own.
			y.types(bound+"sh -c 'trap \"echo INT >>ints; exit 3\" INT; echo u''p; read line'\r", "up\r\n")
			y.types("\x03", "ready> $")
			y.types("echo status $?\r", "status 3\r\n.*ready> $")
			if text, _ := os.ReadFile(filepath.Join(dir, "ints")); string(text) != "INT\n" {
				t.Errorf("INT came as %q", text)
			}

			// ^Z stops both, and fg goes on.
			y.types(bound+"cat\r", "cat\r\n$")
			y.types("one\r", "one\r\none\r\n")
			y.types("\x1a", "Stopped(.|\n)*ready> $")
			y.types("fg\r", "cat\r\n")
			y.types("two\r", "two\r\ntwo\r\n")
			y.types("\x04", "ready> $")

			// A command that stops itself, as an editor does, stops pid-bound for the shell; each of several times.
			y.types(bound+"sh -c 'echo u''p; kill -TSTP $$; echo on; kill -TSTP $$; echo again; read line; echo got $line'\r", "up\r\n(.|\n)*Stopped(.|\n)*ready> $")
			y.types("fg\r", "on\r\n(.|\n)*Stopped(.|\n)*ready> $")
			y.types("fg\r", "again\r\n")
			y.types("line\r", "got line\r\n(.|\n)*ready> $")

			// In the background it stops when it reads, and goes on in the foreground.
			y.types(bound+"cat &\r", "ready> $")
			y.types("wait\r", "Stopped(.|\n)*ready> $")
			y.types("fg\r", "cat\r\n")
			y.types("three\r", "three\r\nthree\r\n")
			y.types("\x04", "ready> $")

			// A shell under it has job control of its own; what it leaves goes with it, and the terminal is the outer one's.
			y.types(bound+"bash --norc --noprofile --noediting -i\r", "ready> $")
			y.types("sleep 300 &\r", "ready> $")
			y.types("cat\r", "cat\r\n$")
			y.types("four\r", "four\r\nfour\r\n")
			y.types("\x1a", "Stopped(.|\n)*ready> $")
			y.types("kill %2; fg\r", "ready> $")
			if strings.Contains(y.types("exit 9\r", "exit\r\n(.|\n)*ready> $"), "There are") {
				y.types("exit 9\r", "ready> $")
			}
			y.types("echo status $?\r", "status 9\r\n.*ready> $")

			// One that is killed leaves the terminal to the script that called it.
			owner := exec.Command("sleep", "600")
			if err := owner.Start(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "script"), []byte(fmt.Sprintf("%s-q --owner %d --grace 0 bash --norc --noprofile --noediting -i\n"+
				"echo ended\nread line\necho got $line\n", bound, owner.Process.Pid)), 0o644); err != nil {
				t.Fatal(err)
			}
			y.types("sh script\r", "ready> $")
			y.types("sleep 300\r", "")
			for end := time.Now().Add(patience); !descends(y.job(), "sleep") && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			}
			owner.Process.Kill()
			owner.Wait()
			y.await("ended\r\n")
			y.types("after\r", "got after\r\n(.|\n)*ready> $")

			if vi, err := exec.LookPath("vim"); err == nil {
				y.types("stty sane\r", "ready> $")
				y.types(bound+vi+" -u NONE -n text\r", "text(.|\n)*~")
				y.types("ihello", "hello")
				y.types("\x1b\x1a", "Stopped(.|\n)*ready> $")
				y.types("fg\r", "hello")
				y.types(":wq\r", "ready> $")
				if text, _ := os.ReadFile(filepath.Join(dir, "text")); string(text) != "hello\n" {
					t.Errorf("the editor wrote %q", text)
				}
			}
			y.types("exit\r", "exit")
		})
	}
}

// descends says that a process of that name runs below another.
func descends(above int, name string) bool {
	return slices.ContainsFunc(childrenOf(above), func(pid int) bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return strings.TrimSpace(string(text)) == name || descends(pid, name)
	})
}

// A signal comes to COMMAND once: from the terminal, to all of the job, and to pid-bound alone. Who stops is for COMMAND to say.
func TestBoundTerminalSignals(t *testing.T) {
	for _, scope := range boundScopes(t) {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			y := newTypist(t, dir)
			bound := "pid-bound --scope " + scope + " "
			heard := func(want string) {
				t.Helper()
				text := ""
				for end := time.Now().Add(patience); text != want; time.Sleep(5 * time.Millisecond) {
					all, _ := os.ReadFile(filepath.Join(dir, "heard.log"))
					if text = strings.Join(strings.Fields(string(all)), " "); time.Now().After(end) {
						t.Fatalf("COMMAND heard %q, want %q", text, want)
					}
				}
			}
			// Each waits for the one before. PWR comes last, for its number is the highest: whatever was to come is there then.
			y.types(bound+"stubborn -on PWR heard; echo status $?\r", "")
			for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
				if text, _ := os.ReadFile(filepath.Join(dir, "heard")); len(text) > 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatal("COMMAND does not run")
				}
			}
			want := ""
			for _, one := range []struct {
				name string
				send func()
			}{
				{"INT", func() { y.types("\x03", "") }},
				{"QUIT", func() { y.types("\x1c", "") }},
				{"TSTP", func() { y.types("\x1a", "") }},
				{"INT", func() { syscall.Kill(y.job(), syscall.SIGINT) }},
				{"QUIT", func() { syscall.Kill(y.job(), syscall.SIGQUIT) }},
				{"TSTP", func() { syscall.Kill(y.job(), syscall.SIGTSTP) }},
				{"WINCH", func() { syscall.Kill(y.job(), syscall.SIGWINCH) }},
				{"TERM", func() { syscall.Kill(-y.job(), syscall.SIGTERM) }},
				{"HUP", func() { syscall.Kill(-y.job(), syscall.SIGHUP) }},
				{"USR1", func() { syscall.Kill(-y.job(), syscall.SIGUSR1) }},
			} {
				one.send()
				want = strings.TrimSpace(want + " " + one.name)
				heard(want)
			}
			syscall.Kill(y.job(), syscall.SIGPWR)
			heard(want + " PWR")
			y.await("status 0\r\n.*ready> $")

			// One that stops itself again as soon as it goes on stops each time, and one that ignores the key does not.
			y.types(bound+"sh -c 'i=0; while [ $i -lt 20 ]; do kill -TSTP $$; echo at $i; i=$((i+1)); done; exit 5'\r", "Stopped(.|\n)*ready> $")
			for i := range 19 {
				y.types("fg\r", "at "+strconv.Itoa(i)+"\r\n(.|\n)*Stopped(.|\n)*ready> $")
			}
			y.types("fg\r", "at 19\r\n(.|\n)*ready> $")
			y.types("echo status $?\r", "status 5\r\n.*ready> $")
			y.types(bound+"sh -c 'trap \"\" TSTP; echo u''p; read line; echo got $line'\r", "up\r\n")
			y.types("\x1a", "")
			y.types("line\r", "got line\r\n(.|\n)*ready> $")

			// Stopped and continued alone, pid-bound stops and continues COMMAND.
			y.types(bound+"cat\r", "cat\r\n$")
			y.types("one\r", "one\r\none\r\n")
			job := y.job()
			syscall.Kill(job, syscall.SIGTSTP)
			y.await("Stopped(.|\n)*ready> $")
			y.types("fg\r", "cat\r\n")
			y.types("two\r", "two\r\ntwo\r\n")
			y.types("\x1a", "Stopped(.|\n)*ready> $")
			if scope != "tree" { // in which the two runs may disagree for a moment
				syscall.Kill(job, syscall.SIGCONT) // in the background it reads, and stops again
				y.types("wait\r", "ready> $")
			}
			y.types("fg\r", "cat\r\n")
			y.types("three\r", "three\r\nthree\r\n")
			y.types("\x04", "ready> $")
			y.types("exit\r", "exit")
		})
	}
}
