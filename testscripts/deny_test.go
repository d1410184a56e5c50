//go:build linux

package testscripts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// deny ERRNO CALL[,CALL...] COMMAND [ARG...]: runs COMMAND where these system calls fail, as on an older kernel (ENOSYS) or
// under a container's seccomp filter (EPERM).
func deny() {
	errno, known := map[string]syscall.Errno{"ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM, "EOPNOTSUPP": unix.EOPNOTSUPP}[os.Args[1]]
	if !known {
		fail(fmt.Errorf("no errno %s", os.Args[1]))
	}
	numbers := map[string]uintptr{
		"pidfd_open": unix.SYS_PIDFD_OPEN, "pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL, "close_range": unix.SYS_CLOSE_RANGE,
		"fsetxattr": unix.SYS_FSETXATTR, "fgetxattr": unix.SYS_FGETXATTR, "linkat": unix.SYS_LINKAT,
		"renameat2": unix.SYS_RENAMEAT2, "clone3": unix.SYS_CLONE3, "setns": unix.SYS_SETNS, "unshare": unix.SYS_UNSHARE,
	}
	var denied []uint32
	for call := range strings.SplitSeq(os.Args[2], ",") {
		number, known := numbers[call]
		if !known {
			fail(fmt.Errorf("no call %s", call))
		}
		denied = append(denied, uint32(number))
	}
	path, err := exec.LookPath(os.Args[3])
	if err == nil {
		runtime.LockOSThread() // the filter is the thread's that execs; never unlocked
		err = errors.Join(filter(denied, errno), syscall.Exec(path, os.Args[3:], os.Environ()))
	}
	fail(err)
}

// filter is seccomp(2)'s: these calls fail with errno, all others go through.
func filter(numbers []uint32, errno syscall.Errno) error {
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // seccomp_data.nr
	for _, n := range numbers {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: n},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	head := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&head)), 0, 0)
}
