package health

import (
	"context"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alarm is a sleeper that wakes one thread: timerfd_create(2), waited for as a socket is. A timer of the Go runtime wakes a
// second one, its monitor, and the two cost more than what is done between the naps.
type alarm struct {
	ctx  context.Context
	file *os.File
	raw  syscall.RawConn
	stop func() bool
}

// newAlarm gives nil where there is none to be had.
func newAlarm(ctx context.Context) *alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil
	}
	a := &alarm{ctx: ctx, file: os.NewFile(uintptr(fd), "timerfd")}
	if a.raw, err = a.file.SyscallConn(); err != nil {
		a.file.Close()
		return nil
	}
	a.stop = context.AfterFunc(ctx, func() { _ = a.file.SetReadDeadline(time.Unix(1, 0)) })
	return a
}

// sleep reports whether d passed before the context ended.
func (a *alarm) sleep(d time.Duration) bool {
	if d <= 0 {
		return a.ctx.Err() == nil
	}
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	set := false
	expired := func(fd uintptr) bool { // by calls as they are, so that none is told to the scheduler
		if !set {
			set = true
			syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&at)), 0, 0, 0)
			return false
		}
		var times uint64
		_, _, errno := syscall.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&times)), unsafe.Sizeof(times))
		return errno != unix.EAGAIN
	}
	if a.raw.Read(expired) != nil {
		return a.ctx.Err() == nil && sleep(a.ctx, d)
	}
	return a.ctx.Err() == nil
}

func (a *alarm) close() {
	if a != nil {
		a.stop()
		a.file.Close()
	}
}
