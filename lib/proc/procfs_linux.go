package proc

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// slurp reads what fits into buf of a small file under /proc; os.ReadFile would cost three system calls more.
func slurp(dir int, path string, buf []byte) ([]byte, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n := 0
	err = retry(func() (err error) {
		n, err = unix.Read(fd, buf)
		return err
	})
	return buf[:max(n, 0)], err
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func currentBoot() string {
	var buf [64]byte
	text, err := slurp(unix.AT_FDCWD, "/proc/sys/kernel/random/boot_id", buf[:])
	if boot := string(bytes.TrimSpace(text)); err == nil && bootID(boot) {
		return boot
	}
	return ""
}

func currentNamespace() uint64 {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/pid", &st) != nil {
		return 0
	}
	return st.Ino
}

// again repeats a look into /proc that found nothing of a process, or only a part of it. When a thread that is not the
// first executes a program, it takes over the number of the first one, which has ended. A look at that moment finds the
// first one put away: without threads, group and session, under the number that the other one had, or nothing.
func again[T any](look func() (found T, whole bool, err error)) (T, error) {
	for try := 1; ; try++ {
		found, whole, err := look()
		gone := errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
		if whole || err != nil && (!gone || try == 3) || try == 10 {
			return found, err
		}
		if err == nil && try > 2 { // on a busy machine it may do so in step with the looks
			time.Sleep(time.Millisecond)
		}
	}
}

// readStat reads the proc_pid_stat(5) of a process or thread.
func readStat(dir int, path string, pid int) (stat, error) {
	st, err := again(func() (stat, bool, error) {
		var buf [1024]byte
		line, err := slurp(dir, path, buf[:])
		if err != nil {
			return stat{}, false, err
		}
		st, err := parseStat(line)
		return st, err == nil && st.pid == pid && st.threads > 0, err
	})
	if err == nil && st.pid != pid {
		return stat{}, unix.ESRCH
	}
	return st, err
}

// statOf reads what is of the process only if something else proves it: the number may change hands any time.
func statOf(pid int) (stat, error) {
	return readStat(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat", pid)
}

// ownProc says that /proc counts processes like this one does.
func ownProc() bool {
	self, err := os.Readlink("/proc/self")
	return err == nil && self == strconv.Itoa(os.Getpid())
}

// procNumber is the number under which /proc shows the process of a pidfd, as its fdinfo tells: 0 if not at all.
func procNumber(fd int) (number int, ok bool) {
	var buf [512]byte
	text, err := slurp(unix.AT_FDCWD, "/proc/self/fdinfo/"+strconv.Itoa(fd), buf[:])
	if err != nil {
		return 0, false
	}
	number, err = strconv.Atoi(string(field(text, "Pid:")))
	return number, err == nil
}

// field is the first word after the key at the beginning of a line.
func field(text []byte, key string) []byte {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(key)); ok {
			if words := bytes.Fields(rest); len(words) > 0 {
				return words[0]
			}
		}
	}
	return nil
}

// threads gives the state of a thread that runs of the process whose /proc directory is open, 0 for none, and then how
// many have been seen to have ended. Others may have come and gone meanwhile.
func threads(dir int) (running State, ended int, err error) {
	fd, err := unix.Openat(dir, "task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	tasks := os.NewFile(uintptr(fd), "task")
	defer tasks.Close()
	names, err := tasks.Readdirnames(-1)
	for _, name := range names {
		id, _ := strconv.Atoi(name)
		st, err := readStat(fd, name+"/stat", id)
		switch {
		case err == nil && !st.ended():
			return st.state, 0, nil
		case err == nil:
			ended++
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ESRCH):
			return 0, 0, err
		}
	}
	return 0, ended, err
}

// threadState is the state of a thread that runs of the process with that number, 0 for none; like statOf.
func threadState(pid int) State {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	state, _, _ := threads(fd)
	return state
}

// numbers lists the processes that /proc shows.
func numbers() ([]int, error) {
	if !ownProc() {
		return nil, errNoProc
	}
	fd, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), "/proc") // os.Open would start the runtime's poller
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// ticks is how many clock ticks a second has for /proc: USER_HZ, 100 on every architecture that Go runs on.
const ticks = 100

// BootTime is when the system started, on today's wall clock: a clock stepped since moves it. Zero where not known.
func BootTime() time.Time {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return time.Time{}
	}
	return time.Now().Round(0).Add(-time.Duration(up.Nano()))
}

// started is on today's wall clock. Both sides of the sum are seen from the caller's time namespace.
func (st stat) started() time.Time {
	boot := BootTime()
	if boot.IsZero() || st.start > 1<<53 {
		return time.Time{}
	}
	return boot.Add(time.Duration(st.start) * (time.Second / ticks))
}

// check fails as a signal to the process would. Unlike kill(2), tgkill(2) tells a process's number from a thread's.
func check(pid int) error { return unix.Tgkill(pid, pid, 0) }

// childEnded reports that the process is a zombie of ours, and leaves it one.
func childEnded(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}
