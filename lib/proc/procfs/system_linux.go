package procfs

import (
	"bytes"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// BootID is the kernel's boot id, as random(4) has it, or empty where it cannot be read.
func BootID() string {
	var buf [64]byte
	text, err := Slurp(unix.AT_FDCWD, "/proc/sys/kernel/random/boot_id", buf[:])
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// Namespace is the inode of the caller's PID namespace, or 0 where it cannot be read.
func Namespace() uint64 {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/pid", &st) != nil {
		return 0
	}
	return st.Ino
}

// BootTime is when the system started, on today's wall clock: a clock stepped since moves it. Zero where not known.
func BootTime() (boot time.Time) {
	// Two clocks are two readings. One that was held up between them is far off, and is made again.
	const near, tries = 100 * time.Microsecond, 20
	best := time.Duration(math.MaxInt64)
	for range tries {
		var before, after unix.Timespec
		err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &before)
		now := time.Now().Round(0)
		if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &after) != nil {
			return time.Time{}
		}
		if apart := time.Duration(after.Nano() - before.Nano()); apart < best {
			best, boot = apart, now.Add(-time.Duration(before.Nano())-apart/2)
		}
		if best < near {
			break
		}
	}
	return boot
}

// ticks is how many clock ticks a second has for /proc: USER_HZ, 100 on every architecture that Go runs on.
const ticks = 100

// Started is on today's wall clock. Both sides of the sum are seen from the caller's time namespace.
func (st Stat) Started() time.Time {
	boot := BootTime()
	if boot.IsZero() || st.Start > 1<<53 {
		return time.Time{}
	}
	return boot.Add(time.Duration(st.Start) * (time.Second / ticks))
}

// Exec reads proc_pid_exe(5), which needs the right to trace the process. The kernel marks the path of a file that is
// no longer there.
func Exec(dir int, path string) (exec string, deleted bool) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, path, buf)
	if err != nil {
		return "", false
	}
	exec = string(buf[:n])
	var st unix.Stat_t
	if plain, ok := strings.CutSuffix(exec, " (deleted)"); ok && unix.Stat(exec, &st) != nil {
		return plain, true
	}
	return exec, false
}
