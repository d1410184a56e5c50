//go:build linux

package testscripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A shell with job control on a terminal of its own, to type into.
type typist struct {
	t      *testing.T
	master *os.File
	mu     sync.Mutex
	seen   string
}

func newTypist(t *testing.T, dir string) *typist {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	master, terminal := openTerminal(t)
	cmd := exec.Command(bash, "--norc", "--noprofile", "--noediting", "-i")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PS1=ready> ", "TERM=linux", "HISTFILE=", marker+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	y := &typist{t: t, master: master}
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

// types writes to the terminal, and waits until what follows matches.
func (y *typist) types(text, want string) {
	y.t.Helper()
	y.mu.Lock()
	y.seen = ""
	y.mu.Unlock()
	if _, err := y.master.WriteString(text); err != nil {
		y.t.Fatal(err)
	}
	y.await(want)
}

func (y *typist) await(want string) {
	y.t.Helper()
	re := regexp.MustCompile(want)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		y.mu.Lock()
		seen := y.seen
		y.mu.Unlock()
		if re.MatchString(seen) {
			return
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
			y.types("exit 9\r", "exit\r\n(.|\n)*ready> $")
			if strings.Contains(y.seen, "There are") {
				y.types("exit 9\r", "ready> $")
			}
			y.types("echo status $?\r", "status 9\r\n.*ready> $")

			// One that is killed leaves the terminal to the script that called it.
			if err := os.WriteFile(filepath.Join(dir, "script"), []byte(bound+"-q -m 1 --grace 0 bash --norc --noprofile --noediting -i\necho ended\nread line\necho got $line\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			y.types("sh script\r", "ready> $")
			y.types("sleep 300\r", "ended\r\n") // at the limit
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
