package proc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc/procfs"
)

const helper = "PIDBOX_PROC_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helper) {
	case "headless":
		beheaded()
	case "branches":
		branch()
	case "restless":
		executeAgain()
	case "crowd":
		stopCrowd()
	case "movers":
		hostMovers()
	case "mover":
		moveOnRequest()
	case "freezer":
		freezeAndHang()
	case "vfork":
		vforkAndHang()
	case "children":
		tellChild()
	}
	os.Exit(m.Run())
}

// headless starts a process whose first thread has ended while others run.
func headless(t *testing.T) *exec.Cmd {
	t.Helper()
	for range 100 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), helper+"=headless")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			in.Close()
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		line, err := bufio.NewReader(out).ReadString('\n')
		if line == "ready\n" {
			return cmd
		}
		if line != "again\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	t.Fatal("the helper never ran on its first thread")
	return nil
}

func beheaded() {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		fmt.Println("again")
		os.Exit(0)
	}
	go func() {
		for {
			st, err := procfs.StatOf(os.Getpid())
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			if st.Ended() {
				break
			}
		}
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	_, _, _ = unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // this thread's end only
}

// startLeader starts this program, with env, as the leader of a session, and gives its standard input and output.
func startLeader(t *testing.T, env ...string) (*exec.Cmd, io.WriteCloser, io.ReadCloser) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, in, out
}

// restless starts a process, the leader of a session, that executes itself so many times, each time from a thread that is
// not its first. Then it closes done, and rests.
func restless(t *testing.T, times int) (pid int, done <-chan struct{}) {
	t.Helper()
	cmd, in, out := startLeader(t, helper+"=restless", helper+"_LEFT="+strconv.Itoa(times))
	closed := make(chan struct{})
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		<-closed
		_ = cmd.Wait()
	})
	go func() {
		defer close(closed)
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "done\n" {
			t.Errorf("%q, %v", line, err)
		}
	}()
	return cmd.Process.Pid, closed
}

func executeAgain() {
	left, _ := strconv.Atoi(os.Getenv(helper + "_LEFT"))
	if left == 0 {
		fmt.Println("done")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	env := []string{helper + "=restless", helper + "_LEFT=" + strconv.Itoa(left-1)}
	var execute func()
	execute = func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			go execute() // this one stays locked, so that one gets another thread
			select {}
		}
		fmt.Println(syscall.Exec(os.Args[0], os.Args[:1], env))
		os.Exit(1)
	}
	go execute()
	select {}
}

// branches is a leader of a session with three children: one in its group, one in a group of its own, one in a session
// of its own.
type branches struct {
	*exec.Cmd
	plain, group, session int
}

func startBranches(t *testing.T) branches {
	t.Helper()
	cmd, in, out := startLeader(t, helper+"=branches")
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	b := branches{Cmd: cmd}
	if _, err := fmt.Fscan(out, &b.plain, &b.group, &b.session); err != nil {
		t.Fatal(err)
	}
	return b
}

func branch() {
	for _, attr := range []*syscall.SysProcAttr{{}, {Setpgid: true}, {Setsid: true}} {
		cmd := exec.Command("cat")
		cmd.Stdin = os.Stdin
		cmd.SysProcAttr = attr
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		go func() { _ = cmd.Wait() }()
		fmt.Println(cmd.Process.Pid)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
