//go:build linux

package testscripts

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"pidbox/testscripts/lab"
)

// hostiles are further fixtures: processes and circumstances that a stop or a claim must cope with.
func hostiles() map[string]func() {
	return map[string]func(){"leaver": leaver, "protected": protected}
}

// leaver [-member] READY: leads a process group of its own and, at TERM, moves to another group of its session; it ends at KILL
// only. With -member it is a child of it (in READY.1) that moves, and the leader that stays and ends.
func leaver() {
	member := flag.Bool("member", false, "")
	child := flag.Bool("child", false, "")
	group := flag.Int("to", 0, "")
	flag.Parse()
	c := make(chan os.Signal, 8)
	if *child {
		signal.Notify(c, syscall.SIGTERM)
		ready(flag.Arg(0))
		<-c
		moveTo(*group)
		put(flag.Arg(0)+".moved", "moved")
		wait(lifetime, "")
		return
	}
	if err := syscall.Setpgid(0, 0); err != nil {
		fail(err)
	}
	haven := exec.Command("sleeper", flag.Arg(0)+".haven")
	haven.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := haven.Start(); err != nil {
		fail(err)
	}
	if *member {
		mover := exec.Command("leaver", "-child", "-to", fmt.Sprint(haven.Process.Pid), flag.Arg(0)+".1")
		if err := mover.Start(); err != nil {
			fail(err)
		}
		wait(lifetime, flag.Arg(0)+".1")
	} else {
		signal.Notify(c, syscall.SIGTERM)
	}
	wait(lifetime, flag.Arg(0)+".haven")
	ready(flag.Arg(0))
	if *member {
		wait(lifetime, "")
	}
	<-c
	moveTo(haven.Process.Pid)
	put(flag.Arg(0)+".moved", "moved")
	wait(lifetime, "")
}

func moveTo(group int) {
	if err := syscall.Setpgid(0, group); err != nil {
		fail(err)
	}
}

// protected COMMAND [ARG...]: runs COMMAND where a file that exists cannot be opened with O_CREAT and without O_EXCL, as
// fs.protected_regular has it for files of others in sticky directories.
func protected() {
	path, err := exec.LookPath(os.Args[1])
	if err != nil {
		fail(err)
	}
	const flags = 16 + 2*8 // seccomp_data.args[2], its lower half
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 4, K: unix.SYS_OPENAT},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: unix.O_CREAT | unix.O_EXCL},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.O_CREAT},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	runtime.LockOSThread() // the filter is the thread's that execs; never unlocked
	head := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fail(errors.Join(
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
		unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&head)), 0, 0),
		syscall.Exec(path, os.Args[1:], os.Environ()),
	))
}

// counterfeit FROM TO: gives TO the record of FROM, with the time, the directory and the path that fit TO: what the owner
// of TO can write, who has seen FROM or guesses well.
func counterfeit(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "counterfeit from to")
	ts.Check(lab.Counterfeit(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
}
