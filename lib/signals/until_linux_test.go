package signals

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// role is the variable by which this test binary is a program that ends as a test wants.
const role = "PIDBOX_TEST_SIGNALS"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "until":
		QuitAsUsual()
		ctx, stop := Until(context.Background())
		fmt.Println("ready")
		<-ctx.Done()
		stop()
		var caught *Caught
		if errors.As(context.Cause(ctx), &caught) {
			Die(caught.Signal)
		}
		os.Exit(3)
	case "quit":
		QuitAsUsual()
		fmt.Println("ready")
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

// endOf starts a program of that role through the command, sends it the signal when it is ready, and sees how it ends. One
// that ignores the signal is killed.
func endOf(t *testing.T, of string, s syscall.Signal, prelude string) syscall.WaitStatus {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", prelude+`exec "$0"`, "/proc/self/exe")
	if exe, err := os.Executable(); err == nil {
		cmd.Args[3] = exe
	}
	cmd.Env = append(os.Environ(), role+"="+of)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if prelude != "" { // it lives on: see that the signal is not pending any more
		_ = cmd.Process.Signal(syscall.SIGKILL)
	}
	_ = cmd.Wait()
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func TestWhoIsEndedByASignalDiesOfIt(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		if got := endOf(t, "until", s, ""); got.Signal() != s {
			t.Errorf("%v: it ended by %v, status %d", s, got.Signal(), got.ExitStatus())
		}
	}
}

func TestQuitEndsAsInC(t *testing.T) {
	if got := endOf(t, "quit", syscall.SIGQUIT, ""); got.Signal() != syscall.SIGQUIT {
		t.Errorf("it ended by %v, status %d", got.Signal(), got.ExitStatus())
	}
}

// A shell ignores INT and QUIT for what it runs in the background. Both stay so.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	for _, of := range []string{"until", "quit"} {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
			if got := endOf(t, of, s, "trap '' INT QUIT; "); got.Signal() != syscall.SIGKILL {
				t.Errorf("%s, %v: it ended by %v, status %d", of, s, got.Signal(), got.ExitStatus())
			}
		}
	}
}

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
