package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
	"pidbox/testscripts/lab"
)

// phases are the steps of a start, in order.
var phases = []string{"reserved", "held", "recorded", "let go"}

// TestMain lets the test binary be a starter that is killed after a phase: "PHASE PIDFILE MARK".
func TestMain(m *testing.M) {
	lab.Enter()
	if order := strings.SplitN(os.Getenv("PIDBOX_CHILD_TEST"), "|", 3); len(order) == 3 {
		walk(order[0], order[1], order[2])
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	os.Exit(m.Run())
}

// walk goes through a start up to that phase, and prints the PID of the child.
func walk(phase, file, mark string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	c, err := Reserve(ctx, Spec{Session: true, Scope: proc.Group, PIDFile: file})
	fail(err)
	if phase == "reserved" {
		fmt.Println(0)
		return
	}
	fail(c.Hold(context.Background(), marking(mark)))
	if phase != "held" {
		fail(c.Record(ctx))
	}
	fmt.Println(c.PID())
	if phase == "let go" {
		fail(c.LetGo(ctx))
	}
}

// marking is a command that shows that it ran by making a file, and then stays.
func marking(mark string) spawn.Command {
	return shell(fmt.Sprintf(": >'%s'; exec sleep 300", mark))
}

func shell(script string) spawn.Command {
	return spawn.Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}
}

// A starter that is killed leaves no process that is not on record, and no pidfile that the next start minds.
func TestStarterDies(t *testing.T) {
	for _, phase := range phases {
		t.Run(phase, func(t *testing.T) {
			dir := t.TempDir()
			file, mark := filepath.Join(dir, "x.pid"), filepath.Join(dir, "mark")
			pid := strike(t, phase, file, mark)
			s := Spec{Session: true, Scope: proc.Group, PIDFile: file}
			if phase == "let go" {
				c, err := Adopt(t.Context(), s)
				if err != nil || c == nil || c.PID() != pid || !c.Adopted() {
					t.Fatalf("process %d: adopted %v, %v", pid, c, err)
				}
				end(t, c)
				how, err := c.Reap() // which newer kernels tell
				if err == nil && how.Signal == 0 || err != nil && !errors.Is(err, spawn.ErrReaped) {
					t.Error(how, err)
				}
				return
			}
			awaitEnd(t, pid)
			if exists(mark) {
				t.Error("it ran")
			}
			want := map[string]pidfile.State{"recorded": pidfile.Stale}[phase]
			if got := state(t, file); got != want {
				t.Errorf("the pidfile is %v, not %v", got, want)
			}
			if c, err := Adopt(t.Context(), s); c != nil || err != nil {
				t.Error(c, err)
			}
			c, err := Start(t.Context(), marking(mark), s)
			if err != nil {
				t.Fatal(err)
			}
			end(t, c)
		})
	}
}

// A child that is killed before it runs is an error, of which nothing is left.
func TestChildDies(t *testing.T) {
	kill := func(c *Child) { _ = c.Signal(syscall.SIGKILL); <-c.Done() }
	for phase, c := range map[string]struct {
		cmd          spawn.Command
		held, record func(*Child)
		want         any
	}{
		"held":     {marking("mark"), kill, nil, proc.ErrNotFound},
		"recorded": {marking("mark"), nil, kill, new(*spawn.StepError)},
		"exec":     {spawn.Command{Path: "/nowhere", Args: []string{"x"}}, nil, nil, new(*spawn.ExecError)},
	} {
		t.Run(phase, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.pid")
			forgotten := 0
			child, err := Reserve(t.Context(), Spec{Session: true, PIDFile: file, Forget: func() error { forgotten++; return nil }})
			if err != nil {
				t.Fatal(err)
			}
			defer child.Close()
			c.cmd.Dir = t.TempDir()
			if err = child.Hold(context.Background(), c.cmd); err != nil {
				t.Fatal(err)
			}
			if c.held != nil {
				c.held(child)
			}
			err = child.Record(t.Context())
			if err == nil {
				if c.record != nil {
					c.record(child)
				}
				err = child.LetGo(t.Context())
			}
			if target, is := c.want.(error); is && !errors.Is(err, target) || !is && !errors.As(err, c.want) {
				t.Errorf("%T: %v", err, err)
			}
			if exists(file) || forgotten == 0 {
				t.Errorf("a pidfile is left: %v; forgotten %d times", exists(file), forgotten)
			}
			if err := syscall.Kill(child.PID(), 0); err != syscall.ESRCH {
				t.Errorf("a process is left: %v", err)
			}
		})
	}
}

// The child stays a zombie until it is reaped, its pidfile stale until it is released.
func TestEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	c, err := Start(t.Context(), shell("exit 3"), Spec{Session: true, Scope: proc.Session, PIDFile: file})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-c.Done()
	if s, err := c.Handle().State(); s != 'Z' || err != nil {
		t.Errorf("%c, %v", s, err)
	}
	if err := c.Clear(); err != nil {
		t.Error(err)
	}
	if s, err := c.Handle().State(); s != 'Z' || err != nil {
		t.Errorf("cleared: %c, %v", s, err)
	}
	for range 2 {
		if ending, err := c.Reap(); err != nil || ending != (spawn.Ending{Code: 3}) {
			t.Errorf("%+v, %v", ending, err)
		}
	}
	if err := c.Signal(syscall.SIGKILL); !errors.Is(err, proc.ErrNotFound) {
		t.Error(err)
	}
	if got := state(t, file); got != pidfile.Stale {
		t.Error(got)
	}
	for range 2 {
		if err := c.Release(t.Context()); err != nil || exists(file) {
			t.Error(exists(file), err)
		}
	}
}

// A start that is called off when the command has just been executed leaves nothing of what that has started.
func TestCalledOffWithItsGroup(t *testing.T) {
	for range 50 {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { // as early as can be: often before LetGo has returned
			for ctx.Err() == nil {
				if text, _ := os.ReadFile(dir + "/member"); len(text) > 0 {
					cancel()
				}
			}
		}()
		script := fmt.Sprintf("cd '%s'; sleep 300 & echo $! >new; mv new member; wait", dir)
		c, err := Start(ctx, shell(script), Spec{Session: true, Scope: proc.Group})
		if err == nil {
			<-ctx.Done()
			if err := c.Stop(context.Background(), Kill(), nil); err != nil {
				t.Fatal(err)
			}
			_, _ = c.Reap()
			c.Close()
		}
		cancel()
		text, err := os.ReadFile(dir + "/member")
		if err != nil {
			continue // it was called off before the command had run
		}
		if pid, _ := strconv.Atoi(strings.TrimSpace(string(text))); lab.Running(pid) {
			_ = lab.End(pid)
			t.Fatalf("process %d of the group runs on", pid)
		}
	}
}

// Called off between the command's exec and the news of it, one that lasts runs on, and any other is ended.
func TestCalledOffAfterItsExec(t *testing.T) {
	for _, lasts := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		s := Spec{Session: true, Scope: proc.Group, Lasting: lasts}
		s.Meanwhile = func(line int) {
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(line), Events: unix.POLLIN}}, -1); err != nil { // it was executed
				t.Error(err)
			}
			cancel()
		}
		c, err := Start(ctx, shell("exec sleep 300"), s)
		if !lasts {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v, %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if alive, err := c.Handle().Alive(); !alive || err != nil {
			t.Error("it was ended: ", err)
		}
		if err := c.Stop(t.Context(), Kill(), nil); err != nil {
			t.Error(err)
		}
		_, _ = c.Reap()
		c.Close()
	}
}

// What a leader leaves of its scope is ended by Clear, and by a Stop that began before.
func TestLeavesOthers(t *testing.T) {
	for _, scope := range []proc.Scope{proc.Group, proc.Session} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprint(scope, early), func(t *testing.T) {
				out, in, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				cmd := shell(`sleep 300 & echo $!; read -r line; exit 0`)
				wait, hold, _ := os.Pipe()
				cmd.Stdin, cmd.Stdout = wait, in
				c, err := Start(t.Context(), cmd, Spec{Session: true, Scope: scope})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				in.Close()
				wait.Close()
				var worker int
				if _, err := fmt.Fscan(out, &worker); err != nil {
					t.Fatal(err)
				}
				if !early {
					hold.Close()
					<-c.Done()
				} else {
					defer hold.Close()
					if err := c.Stop(t.Context(), Kill(), nil); err != nil {
						t.Error(err)
					}
				}
				if err := c.Clear(); err != nil {
					t.Error(err)
				}
				awaitEnd(t, worker)
				if _, err := c.Reap(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Until the scope is clear no other process gets the PID. After the reaping one may, and is neither signalled nor
// waited for.
func TestReuse(t *testing.T) {
	if !lab.InNamespace(t) {
		return
	}
	for _, scope := range []proc.Scope{proc.Group, proc.Session} {
		file := filepath.Join(t.TempDir(), "x.pid")
		c, err := Start(t.Context(), shell("sleep 300 & exit 0"), Spec{Session: true, Scope: scope, PIDFile: file})
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		for range 20 {
			last := []byte(strconv.Itoa(c.PID() - 1))
			if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", last, 0); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("true")
			if err := cmd.Run(); err != nil || cmd.Process.Pid == c.PID() {
				t.Fatal(cmd.Process.Pid, err)
			}
		}
		if err := c.Clear(); err != nil {
			t.Error(err)
		}
		if _, err := c.Reap(); err != nil {
			t.Error(err)
		}
		other := lab.Reuse(t, c.PID())
		if err := c.Signal(syscall.SIGKILL); !errors.Is(err, proc.ErrNotFound) {
			t.Error(err)
		}
		if err := c.Stop(t.Context(), Kill(), nil); err != nil {
			t.Error(err)
		}
		if err := c.Release(t.Context()); err != nil || exists(file) {
			t.Error(exists(file), err)
		}
		if err := syscall.Kill(other.PID, 0); err != nil {
			t.Error(err)
		}
		c.Close()
		other.Kill()
	}
}

// A pidfile that another process has claimed, in the moment that it was stale, stays.
func TestReleaseLeavesAnothers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	s := Spec{Session: true, PIDFile: file}
	first, err := Start(t.Context(), shell("exit 0"), s)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := first.Reap(); err != nil {
		t.Fatal(err)
	}
	second, err := Start(t.Context(), shell("exec sleep 300"), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Release(t.Context()); err != nil || state(t, file) != pidfile.Running {
		t.Error(state(t, file), err)
	}
	if _, err := Start(t.Context(), shell("exit 0"), s); !errors.As(err, new(*pidfile.HeldError)) {
		t.Error(err)
	}
	end(t, second)
}

// A child that was closed is let be: what would be done to it is done to nothing.
func TestClosed(t *testing.T) {
	c, err := Start(t.Context(), shell("exec sleep 300"), Spec{Session: true, Scope: proc.Group})
	if err != nil {
		t.Fatal(err)
	}
	pid := c.PID()
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL); _, _ = syscall.Wait4(pid, nil, 0, nil) }()
	c.Close()
	if err := c.Signal(syscall.SIGKILL); !errors.Is(err, proc.ErrNotFound) {
		t.Error(err)
	}
	if err := c.Within(func(f Family) error { return f.Signal(syscall.SIGKILL) }); !errors.Is(err, proc.ErrNotFound) {
		t.Error(err)
	}
	if err := c.Stop(t.Context(), Kill(), nil); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Error(err)
	}
}

// strike runs a starter to that phase, which is killed there, and returns the PID of its child.
func strike(t *testing.T, phase, file, mark string) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PIDBOX_CHILD_TEST="+phase+"|"+file+"|"+mark)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("%s: %q", phase, line)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatal(err)
	}
	return pid
}

// end stops a child, and walks it to its end.
func end(t *testing.T, c *Child) {
	t.Helper()
	defer c.Close()
	if err := c.Stop(t.Context(), Kill(), nil); err != nil {
		t.Error(err)
	}
	_, _ = c.Reap()
	if err := c.Release(t.Context()); err != nil || exists(c.spec.PIDFile) {
		t.Error(exists(c.spec.PIDFile), err)
	}
}

// awaitEnd waits for the end of a process that is not ours.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	h, err := proc.Open(pid)
	if err != nil {
		return
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func state(t *testing.T, file string) pidfile.State {
	t.Helper()
	h, err := pidfile.Read(file, pidfile.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	return h.State
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
