package supervise

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/resolve"
)

// controlled runs a supervisor over f with a control socket beside the returned pidfile.
func controlled(t *testing.T, f *fake, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pidfile := filepath.Join(dir, "x.pid")
	s := of(f, standard, nil)
	close, err := s.Listen(pidfile, resolve.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _, _ = s.Run(); done <- struct{}{} }()
	t.Cleanup(func() {
		askStop(s)
		<-done
		close()
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return pidfile
}

func TestControlAnswersStatusAndRestart(t *testing.T) {
	for name, dir := range map[string]string{"short": "", "longer than a socket's address": strings.Repeat("x", 200)} {
		t.Run(name, func(t *testing.T) {
			pidfile := controlled(t, &fake{}, filepath.Join(t.TempDir(), dir))
			st, err := AskRestart(pidfile, os.Getpid(), patience)
			if err != nil || st.Child != 102 || st.Restarts != 1 || st.PID != os.Getpid() {
				t.Errorf("%+v %v", st, err)
			}
			if st, err = AskStatus(pidfile, os.Getpid()); err != nil || st.State != Running || st.Child != 102 {
				t.Errorf("%+v %v", st, err)
			}
			if info, err := os.Stat(ControlPath(pidfile)); err != nil || info.Mode().Perm() != 0o600 {
				t.Error(info, err)
			}
		})
	}
}

func TestControlBelievesOnlyTheProcessOfThePidfile(t *testing.T) {
	pidfile := controlled(t, &fake{}, t.TempDir())
	if st, err := AskStatus(pidfile, os.Getppid()); !errors.Is(err, ErrNoControl) {
		t.Error(st, err)
	}
}

func TestControlOfNobody(t *testing.T) {
	if _, err := AskStatus(filepath.Join(t.TempDir(), "x.pid"), 1); !errors.Is(err, ErrNoControl) {
		t.Error(err)
	}
}

func TestControlOfANameWithoutRoomForASocket(t *testing.T) {
	pidfile := filepath.Join(t.TempDir(), strings.Repeat("x", 200), strings.Repeat("x", 120))
	if err := os.Mkdir(filepath.Dir(pidfile), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := of(&fake{}, standard, nil).Listen(pidfile, resolve.Policy{}); !errors.Is(err, ErrNoControl) {
		t.Error(err)
	}
	if _, err := AskStatus(pidfile, os.Getpid()); !errors.Is(err, ErrNoControl) {
		t.Error(err)
	}
}

func TestControlThatSaysNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := net.Listen("unix", ControlPath("x.pid"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := ask("x.pid", os.Getpid(), "status", 20*time.Millisecond); err == nil || err.Error() != "no answer in 20ms" {
		t.Error(err)
	}
}

// A restart that a stop overtakes has its answer before the control is gone: its process may exit then. One who connects
// and asks nothing does not hold that up.
func TestControlAnswersBeforeItIsGone(t *testing.T) {
	pidfile := filepath.Join(t.TempDir(), "x.pid")
	s := of(&fake{stubborn: true}, standard, nil)
	unlisten, err := s.Listen(pidfile, resolve.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _, _ = s.Run(); close(done) }()
	mute, err := net.Dial("unix", ControlPath(pidfile))
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	c, err := net.Dial("unix", ControlPath(pidfile))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("restart\n")); err != nil {
		t.Fatal(err)
	}
	for s.Status().State != Stopping {
		time.Sleep(time.Millisecond)
	}
	for over := false; !over; {
		askStop(s)
		select {
		case <-done:
			over = true
		case <-time.After(time.Millisecond):
		}
	}
	began := time.Now()
	unlisten()
	if took := time.Since(began); took >= patience {
		t.Error("it waited for who says nothing: ", took)
	}
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, longestReply)
	n := 0
	if e := raw.Read(func(fd uintptr) bool { n, err = syscall.Read(int(fd), reply); return true }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	if got := string(reply[:n]); !strings.Contains(got, `"error":"`+errEnding.Error()) {
		t.Errorf("%q", got)
	}
}

func TestControlReplacesOnlySockets(t *testing.T) {
	pidfile := filepath.Join(t.TempDir(), "x.pid")
	if err := os.WriteFile(ControlPath(pidfile), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := of(&fake{}, standard, nil)
	if _, err := s.Listen(pidfile, resolve.Policy{}); err == nil {
		t.Fatal("listening in place of a file")
	}
	if text, _ := os.ReadFile(ControlPath(pidfile)); string(text) != "precious" {
		t.Errorf("%q", text)
	}
}
