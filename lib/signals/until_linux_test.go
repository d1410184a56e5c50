package signals

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const roleVariable = "PIDBOX_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "plain": // signals have their default effect
		QuitAsUsual()
		say("ready")
		time.Sleep(time.Minute)
	case "until": // ends by what it caught, after its clean-up
		QuitAsUsual()
		ctx, stop := Until(context.Background())
		say("ready")
		<-ctx.Done()
		var caught *Caught
		errors.As(context.Cause(ctx), &caught)
		stop()
		say(caught.Error())
		Die(caught.Signal)
	case "after": // a context that is over has given the signals back
		QuitAsUsual()
		_, stop := Until(context.Background())
		stop()
		say("ready")
		time.Sleep(time.Minute)
	case "notify": // signal.Notify takes QUIT back
		QuitAsUsual()
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGQUIT)
		say("ready")
		<-c
		say("heard")
		os.Exit(7)
	}
	os.Exit(99)
}

func say(text string) { os.Stdout.WriteString(text + "\n") }

// struck runs this test binary in a role, sends it a signal when it is ready, and gives its end and all that it said. One
// that is wrapped, by a shell that has it ignore signals, is killed a moment later.
func struck(t *testing.T, role string, sig syscall.Signal, wrap ...string) (syscall.WaitStatus, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	if len(wrap) > 0 {
		cmd = exec.Command(wrap[0], append(wrap[1:], self)...)
	}
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	read.SetReadDeadline(time.Now().Add(30 * time.Second))
	var said strings.Builder
	buf := make([]byte, 4096)
	for sent := false; ; {
		n, err := read.Read(buf)
		said.Write(buf[:n])
		if !sent && strings.Contains(said.String(), "ready\n") {
			sent = true
			cmd.Process.Signal(sig)
			if len(wrap) > 0 {
				time.AfterFunc(200*time.Millisecond, func() { cmd.Process.Kill() })
			}
		}
		if err != nil {
			break
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	ours, _, _ := strings.Cut(said.String(), "qemu: uncaught target signal ") // emulated, it says so of a signal that dumps core
	return cmd.ProcessState.Sys().(syscall.WaitStatus), ours
}

func TestDeathBySignal(t *testing.T) {
	for _, sig := range ending() {
		for role, want := range map[string]string{
			"plain": "ready\n", "after": "ready\n", "until": "ready\ninterrupted by SIG" + Name(sig) + "\n",
		} {
			end, said := struck(t, role, sig)
			if !end.Signaled() || end.Signal() != sig || said != want {
				t.Errorf("%s, %s: status %#x, said %.200q", role, Name(sig), end, said)
			}
		}
	}
	if end, said := struck(t, "notify", syscall.SIGQUIT); end.ExitStatus() != 7 || said != "ready\nheard\n" {
		t.Errorf("notify: status %#x, said %.200q", end, said)
	}
}

// What was ignored when the program began stays so: HUP and INT as the kernel has it, QUIT by INT.
func TestIgnoredStaysIgnored(t *testing.T) {
	for sig, trap := range map[syscall.Signal]string{syscall.SIGHUP: "HUP", syscall.SIGINT: "INT QUIT", syscall.SIGQUIT: "INT QUIT"} {
		for _, role := range []string{"plain", "until", "after"} {
			sh := `trap "" ` + trap + `; exec "$0"`
			if end, said := struck(t, role, sig, "sh", "-c", sh); end.Signal() != syscall.SIGKILL || said != "ready\n" {
				t.Errorf("%s, %s: status %#x, said %.200q", role, Name(sig), end, said)
			}
		}
	}
}

// A context that has ended for another reason ends with that.
func TestUntilEndsWithItsParent(t *testing.T) {
	parent, cancel := context.WithCancelCause(context.Background())
	ctx, stop := Until(parent)
	defer stop()
	why := errors.New("why")
	cancel(why)
	<-ctx.Done()
	if context.Cause(ctx) != why {
		t.Error(context.Cause(ctx))
	}
}

// A signal that has come by the time of stop is not lost.
func TestStopLosesNoSignal(t *testing.T) {
	runtime.LockOSThread() // a signal to this thread has been handled when the call returns: signal(7)
	defer runtime.UnlockOSThread()
	for range 100 {
		ctx, stop := Until(context.Background())
		if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGHUP); err != nil {
			t.Fatal(err)
		}
		stop()
		if caught := (*Caught)(nil); !errors.As(context.Cause(ctx), &caught) || caught.Signal != syscall.SIGHUP {
			t.Fatalf("cause %v", context.Cause(ctx))
		}
	}
}
