//go:build linux

package testscripts

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// With --notify the service manager is told when, and not before, the service is healthy.
func TestWaitHealthyNotifies(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(503)
		}
	}))
	defer server.Close()
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@pidbox-wait-healthy-%d", os.Getpid())} {
		asked.Store(0)
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		cmd := exec.Command("wait-healthy", "--notify", "--interval", "1ms", "--url", server.URL, "--", "echo", "then")
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+name)
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != "then\n" || asked.Load() != 3 {
			t.Errorf("%v after %d attempts: %s", err, asked.Load(), out)
		}
		buf := make([]byte, 64)
		l.SetReadDeadline(time.Now().Add(patience))
		if n, err := l.Read(buf); err != nil || string(buf[:n]) != "READY=1" {
			t.Errorf("notified of %q, %v", buf[:n], err)
		}
	}
}

// Who ends after that, and executes nothing, waits until the message was read: it could not be found by it any more.
func TestWaitHealthyWaitsForItsReader(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	name := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command("wait-healthy", "--notify", "--url", server.URL)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+name)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.SetReadDeadline(time.Now().Add(patience))
	for _, want := range []string{"READY=1", "BARRIER=1"} {
		text, rights := make([]byte, 64), make([]byte, 64)
		n, r, _, _, err := l.ReadMsgUnix(text, rights)
		if err != nil || string(text[:n]) != want || (r > 0) != (want == "BARRIER=1") {
			t.Fatalf("%q with %d bytes of rights, not %s: %v", text[:n], r, want, err)
		}
		if r > 0 {
			held, _ := syscall.ParseSocketControlMessage(rights[:r])
			fds, _ := syscall.ParseUnixRights(&held[0])
			if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
				t.Error("it has not waited: ", err)
			}
			syscall.Close(fds[0])
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A thousand targets that need a second attempt fit into 64 MiB, and into 256 descriptors.
func TestWaitHealthyManyTargets(t *testing.T) {
	t.Parallel()
	const targets = 1000
	var asked [targets]atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		fmt.Sscanf(r.URL.Path, "/%d", &i)
		if asked[i].Add(1) < 2 {
			w.WriteHeader(503)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	command := "ulimit -n 256; exec wait-healthy --insecure --timeout 5m"
	for i := range targets {
		command += fmt.Sprintf(" --url %s/%d", server.URL, i)
	}
	var said bytes.Buffer
	cmd := exec.Command("sh", "-c", command)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	most := 0
	for {
		select {
		case err := <-ended:
			t.Logf("%d KiB", most)
			if err != nil || most > 64<<10 {
				t.Errorf("%v with %d KiB resident: %s", err, most, &said)
			}
			return
		case <-time.After(5 * time.Millisecond):
			most = max(most, highWater(cmd.Process.Pid))
		}
	}
}

// highWater is the most memory that a process has had resident, in KiB. That of getrusage(2) counts what its parent
// had before the exec.
func highWater(pid int) (kib int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok {
		fmt.Sscan(rest, &kib)
	}
	return kib
}

// On a terminal progress is one line that is written over, and gone in the end.
func TestWaitHealthyOnTerminal(t *testing.T) {
	t.Parallel()
	master, terminal := openTerminal(t)
	child := start(t)
	cmd := exec.Command("wait-healthy", "--timeout", "10m", "--url", "tcp://127.0.0.1:1", "--pid", fmt.Sprint(child.pid))
	cmd.Stderr = terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	seen := make([]byte, 1)
	if _, err := io.ReadFull(master, seen); err != nil { // the line is drawn
		t.Fatal(err)
	}
	syscall.Kill(child.pid, syscall.SIGKILL)
	if status, err := exitStatus(cmd.Wait()); err != nil || status != 3 {
		t.Errorf("status %d, %v", status, err)
	}
	rest, _ := io.ReadAll(master) // ends with EIO, as nobody has the terminal any more
	text := strings.ReplaceAll(string(seen)+string(rest), "\r\n", "\n")
	want := regexp.MustCompile(`^(\rwait-healthy: [0-9.ms]+ of 10m, attempt \d+: tcp://127.0.0.1:1: connection refused\x1b\[K)+\r\x1b\[K` +
		`wait-healthy: process \d+ \(sleep\) died after .*\n$`)
	if !want.MatchString(text) {
		t.Errorf("on the terminal: %q", text)
	}
}

func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, terminal
}

// The death of the watched process is noticed at once: what is printed is the time between its end and ours.
func TestWaitHealthyNoticesDeath(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for range 10 {
		child := start(t)
		cmd := exec.Command("wait-healthy", "-v", "--url", "tcp://127.0.0.1:1", "--timeout", "10m", "--pid", fmt.Sprint(child.pid))
		messages, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := messages.Read(make([]byte, 1)); err != nil { // of the first attempt
			t.Fatal(err)
		}
		syscall.Kill(child.pid, syscall.SIGKILL)
		<-child.ended
		ended := time.Now()
		new(bytes.Buffer).ReadFrom(messages)
		if status, err := exitStatus(cmd.Wait()); status != 3 || err != nil {
			t.Errorf("status %d, %v", status, err)
		}
		took = append(took, time.Since(ended))
	}
	t.Log(took)
}
