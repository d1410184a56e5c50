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
	read := func(fd uintptr) bool { // as it is, so that no call is told to the scheduler
		var expired uint64
		_, _, errno := syscall.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&expired)), unsafe.Sizeof(expired))
		return errno != unix.EAGAIN
	}
	set := func(fd uintptr) {
		syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&at)), 0, 0, 0)
	}
	if a.raw.Control(set) != nil || a.raw.Read(read) != nil {
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
