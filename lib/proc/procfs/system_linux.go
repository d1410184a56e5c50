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
func BootTime() time.Time {
	return bootTime(time.Now, func() (time.Duration, error) {
		var up unix.Timespec
		err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up)
		return time.Duration(up.Nano()), err
	})
}

// bootTime reads one clock between two readings of the other. What was held up between them is far off, and is read again.
func bootTime(now func() time.Time, uptime func() (time.Duration, error)) (boot time.Time) {
	const near, tries = 100 * time.Microsecond, 20
	best := time.Duration(math.MaxInt64)
	for range tries {
		before, err := uptime()
		wall := now().Round(0)
		after, e := uptime()
		if err != nil || e != nil {
			return time.Time{}
		}
		if apart := after - before; apart < best {
			best, boot = apart, wall.Add(-before-apart/2)
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
