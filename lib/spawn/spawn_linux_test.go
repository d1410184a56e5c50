package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
)

func background(t *testing.T) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	return ctx
}

// shell is a Command for a script, its output into a file.
func shell(t *testing.T, script string) (Command, func() string) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	read := func() string {
		text, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Stdout: out, Stderr: out}, read
}

// run starts, lets go and waits.
func run(t *testing.T, cmd Command, start func(context.Context, Command) (*Process, error)) Ending {
	t.Helper()
	p, err := start(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Go(); err != nil {
		t.Fatal(err)
	}
	end, err := p.Wait(background(t))
	if err != nil {
		t.Fatal(err)
	}
	return end
}

func direct(ctx context.Context, cmd Command) (*Process, error) { return Start(ctx, cmd, true) }

func TestEnding(t *testing.T) {
	for script, want := range map[string]string{"exit 3": "exit status 3", "kill -USR1 $$": "signal USR1", "true": "exit status 0"} {
		for name, start := range map[string]func(context.Context, Command) (*Process, error){"direct": direct, "detached": Detach} {
			cmd, _ := shell(t, script)
			if got := run(t, cmd, start).String(); got != want {
				t.Errorf("%s: %q ended with %s, not %s", name, script, got, want)
			}
		}
	}
}

func TestSession(t *testing.T) {
	stat := func(start func(context.Context, Command) (*Process, error)) (pid, ppid, pgrp, sid int) {
		cmd, out := shell(t, "cat /proc/$$/stat")
		run(t, cmd, start)
		text := out()
		fmt.Sscan(text, &pid)
		var state string
		fmt.Sscan(text[strings.LastIndex(text, ")")+1:], &state, &ppid, &pgrp, &sid)
		return
	}
	if pid, ppid, pgrp, sid := stat(direct); ppid != os.Getpid() || sid != pid || pgrp != pid {
		t.Errorf("direct: pid %d, ppid %d (we are %d), group %d, session %d", pid, ppid, os.Getpid(), pgrp, sid)
	}
	if pid, ppid, pgrp, sid := stat(Detach); ppid != os.Getpid() || sid == pid || pgrp != pid || sid == 0 {
		t.Errorf("detached: pid %d, ppid %d (we are %d), group %d, session %d", pid, ppid, os.Getpid(), pgrp, sid)
	}
	var subreaper int32
	if unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&subreaper)), 0, 0, 0); subreaper != 0 {
		t.Error("this process stayed a subreaper")
	}
}

func TestDescriptors(t *testing.T) {
	var files []*os.File
	for i := range 3 {
		f, err := os.Create(filepath.Join(t.TempDir(), strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		unix.FcntlInt(f.Fd(), unix.F_SETFD, 0) // leaked to every child
		files = append(files, f)
	}
	for _, name := range []string{"close_range", "one by one"} {
		cmd, out := shell(t, `for n in $(seq 0 40); do [ -e /proc/$$/fd/$n ] && printf $n= && readlink /proc/$$/fd/$n; done`)
		// each file's number is the place of the next
		cmd.ExtraFiles = map[int]*os.File{}
		for i, f := range files {
			cmd.ExtraFiles[int(f.Fd())] = files[(i+1)%len(files)]
		}
		want := map[int]string{0: "/dev/null", 1: cmd.Stdout.Name(), 2: cmd.Stdout.Name()}
		for place, f := range cmd.ExtraFiles {
			want[place] = f.Name()
		}
		run(t, cmd, func(_ context.Context, cmd Command) (*Process, error) {
			e, err := openEnds(cmd)
			if err != nil {
				t.Fatal(err)
			}
			if name == "one by one" {
				e.leaked = openDescriptors(e.above + len(e.files))
			}
			return startWith(context.Background(), cmd, e, true, true)
		})
		got := map[int]string{}
		for line := range strings.Lines(out()) {
			fd, file, _ := strings.Cut(strings.TrimSpace(line), "=")
			n, _ := strconv.Atoi(fd)
			got[n] = file
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: open are %v, not %v", name, got, want)
		}
	}
}

func TestSignalsAndLimits(t *testing.T) {
	var before unix.Rlimit
	if _, err := callersNofile(); err != nil {
		t.Fatal(err)
	}
	unix.Getrlimit(unix.RLIMIT_NOFILE, &before)
	mask, soft := 0o27, uint64(77)
	cmd, out := shell(t, "umask; pwd; ulimit -n; ulimit -c; nice; cat /proc/self/oom_score_adj; exec grep -E 'Sig(Blk|Ign)' /proc/self/status")
	nice, oom := 5, 100
	cmd.Umask, cmd.Dir, cmd.Nice, cmd.OOMScoreAdj = &mask, "/usr", &nice, &oom
	cmd.Limits = []Limit{{Name: "core", Soft: new(uint64)}}
	run(t, cmd, Detach)
	want := fmt.Sprintf("0027\n/usr\n%d\n0\n5\n100\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", before.Cur)
	if out() != want {
		t.Errorf("got %q, not %q", out(), want)
	}
	cmd, out = shell(t, "ulimit -n")
	cmd.Limits = []Limit{{Name: "nofile", Soft: &soft}}
	if run(t, cmd, Detach); out() != "77\n" {
		t.Errorf("nofile is %q", out())
	}
}

func TestCredentials(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd, out := shell(t, `grep -E '^(Uid|Gid|Groups|NoNewPrivs|CapEff|CapBnd|CapAmb)' /proc/self/status`)
	cmd.User = &User{Name: "x", UID: 1234, GID: 1235, Groups: []int{1236, 1237}}
	cmd.NoNewPrivs = true
	cmd.Capabilities = &[]string{"net_bind_service", "CAP_KILL"}
	run(t, cmd, Detach)
	want := "Uid:\t1234\t1234\t1234\t1234\nGid:\t1235\t1235\t1235\t1235\nGroups:\t1236 1237 \n" +
		"CapEff:\t0000000000000420\nCapBnd:\t0000000000000420\nCapAmb:\t0000000000000420\nNoNewPrivs:\t1\n"
	if out() != want {
		t.Errorf("got %q, not %q", out(), want)
	}
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	huge := []string{"x", strings.Repeat("y", 1<<20)}
	for _, c := range []struct {
		path     string
		args     []string
		notFound bool
		says     string
	}{
		{filepath.Join(dir, "none"), nil, true, "command not found"},
		{dir, nil, false, "permission denied"},
		{write("plain", "#!/bin/sh\n", 0o644), nil, false, "permission denied"},
		{write("bad", "#!/no/such\n", 0o755), nil, false, "bad interpreter: /no/such"},
		{write("junk", "junk", 0o755), nil, false, "exec format error"},
		{"/bin/true", huge, false, "argument list too long (10485"},
	} {
		for _, start := range []func(context.Context, Command) (*Process, error){direct, Detach} {
			p, err := start(t.Context(), Command{Path: c.path, Args: append(c.args, "x")})
			if err != nil {
				t.Fatal(err)
			}
			err = p.Go()
			var e *ExecError
			if !errors.As(err, &e) || e.NotFound != c.notFound || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", c.path, err)
			}
			if syscall.Kill(p.PID(), 0) != syscall.ESRCH {
				t.Errorf("%s: a process is left", c.path)
			}
			p.Close()
		}
	}
	var step *StepError
	if _, err := Detach(t.Context(), Command{Path: "/bin/true", Args: []string{"true"}, Dir: filepath.Join(dir, "none")}); !errors.As(err, &step) {
		t.Error(err)
	} else if want := "cannot change to the directory " + dir + "/none: no such file or directory"; err.Error() != want {
		t.Errorf("%q, not %q", err, want)
	}
}

func TestHeldChildEndsWithItsHolder(t *testing.T) {
	for name, let := range map[string]func(*Process) error{
		"aborted": (*Process).Abort,
		"closed":  func(p *Process) error { p.line.Close(); _, err := p.Wait(background(t)); return err },
	} {
		cmd, out := shell(t, "echo ran")
		p, err := Detach(t.Context(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		if err := let(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if out() != "" || syscall.Kill(p.PID(), 0) != syscall.ESRCH {
			t.Errorf("%s: it lives, or ran: %q", name, out())
		}
		p.Close()
	}
}

func TestHandedOver(t *testing.T) {
	cmd, out := shell(t, "readlink /proc/$$/fd/3")
	p, err := Detach(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Go(cmd.Stdout); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(background(t)); err != nil || out() != cmd.Stdout.Name()+"\n" {
		t.Errorf("%v, %q", err, out())
	}
}

func TestNoRoomForWhatIsHandedOver(t *testing.T) {
	three := uint64(3)
	p, err := Detach(t.Context(), Command{Path: "/bin/true", Args: []string{"true"}, Limits: []Limit{{Name: "nofile", Soft: &three}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := p.Go(null); err == nil || err.Error() != "cannot inherit a lock: too many open files" {
		t.Error(err)
	}
}

func TestKilledWhileHeld(t *testing.T) {
	p, err := Detach(t.Context(), Command{Path: "/bin/true", Args: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	h, err := proc.Open(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	h.Signal(syscall.SIGTERM)
	if err := h.Wait(background(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Go(); err == nil || !strings.Contains(err.Error(), "killed by signal TERM before it began") {
		t.Error(err)
	}
}

// The line is closed a moment before a killed child is a zombie.
func TestKilledWhileLetGo(t *testing.T) {
	for range 100 {
		p, err := Detach(t.Context(), Command{Path: "/bin/true", Args: []string{"true"}})
		if err != nil {
			t.Fatal(err)
		}
		syscall.Kill(p.PID(), syscall.SIGSTOP)
		time.AfterFunc(time.Millisecond, func() { p.Handle().Signal(syscall.SIGKILL) })
		err = p.Go()
		p.Close()
		if err == nil || !strings.Contains(err.Error(), "killed by signal KILL before it began") {
			t.Fatal(err)
		}
	}
}

func TestStoppedWhileHeld(t *testing.T) {
	cmd, out := shell(t, "echo ran")
	p, err := Detach(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	syscall.Kill(p.PID(), syscall.SIGSTOP)
	time.AfterFunc(20*time.Millisecond, func() { syscall.Kill(p.PID(), syscall.SIGCONT) })
	if err := p.Go(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(background(t)); err != nil || out() != "ran\n" {
		t.Error(err, out())
	}
}

// Forks from many goroutines at once, with the garbage collector at work: the child must never need the runtime.
func TestForkUnderLoad(t *testing.T) {
	stop, done := make(chan bool), make(chan error)
	for range 2 {
		go func() {
			var sink [][]byte
			for {
				select {
				case <-stop:
					return
				default:
					sink = append(sink[:len(sink)%64], make([]byte, 1<<14))
				}
			}
		}()
	}
	for i := range 4 {
		go func() {
			for range 50 {
				p, err := start(t.Context(), Command{Path: "/bin/true", Args: []string{"true"}}, true, i%2 == 0)
				if err == nil {
					if err = p.Go(); err == nil {
						_, err = p.Wait(context.Background())
					}
					p.Close()
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	close(stop)
}

// A child that hangs on its way, before it can report, is given up with the end of the context.
func TestHangsBeforeItIsHeld(t *testing.T) {
	for _, detach := range []bool{false, true} {
		cmd := Command{Path: "/bin/true", Args: []string{"true"}}
		e, err := openEnds(cmd)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		silent := e.child
		e.child = pair[0] // where nobody hears it
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
		if _, err := startWith(ctx, cmd, e, true, detach); err != why {
			t.Error(err)
		}
		unix.Close(silent)
		unix.Close(pair[1])
	}
}
