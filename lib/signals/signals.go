// Package signals names signals and reads the schedules by which a process is asked, then told, to end.
package signals

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The first and last real-time signals as the C library counts them; it keeps 32 and 33 for itself (signal(7)).
const rtMin, rtMax = 34, 64

// Parse reads a signal as kill(1) does: TERM, SIGTERM, term, 15, RTMIN+3. Signal 0, which only asks, is refused.
func Parse(s string) (syscall.Signal, error) {
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if n, err := strconv.ParseUint(s, 10, 8); err == nil && n >= 1 && n <= rtMax {
		return syscall.Signal(n), nil
	}
	if other, ok := map[string]string{"IOT": "ABRT", "CLD": "CHLD", "POLL": "IO"}[name]; ok { // as kill -l has them too
		name = other
	}
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return n, nil
	}
	if n, ok := realTime(name); ok {
		return n, nil
	}
	return 0, fmt.Errorf("%q is not a signal such as TERM, SIGTERM or 15", s)
}

func realTime(name string) (syscall.Signal, bool) {
	base, rest := rtMin, strings.TrimPrefix(name, "RTMIN")
	if rest == name {
		base, rest = rtMax, strings.TrimPrefix(name, "RTMAX")
	}
	if rest == name || unix.SignalNum("SIGPWR") == 0 { // the range above is Linux's
		return 0, false
	}
	n := 0
	if rest != "" {
		var err error
		if n, err = strconv.Atoi(rest); err != nil || rest[0] != '+' && rest[0] != '-' {
			return 0, false
		}
	}
	if n < rtMin-rtMax || n > rtMax-rtMin || base+n < rtMin || base+n > rtMax {
		return 0, false
	}
	return syscall.Signal(base + n), true
}

// Name is the name of sig without SIG: TERM, RTMIN+3, or its number where it has none. Parse reads it back.
func Name(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	if _, ok := realTime("RTMIN"); ok && sig >= rtMin && sig <= rtMax {
		return strings.TrimSuffix(fmt.Sprintf("RTMIN+%d", sig-rtMin), "+0")
	}
	return strconv.Itoa(int(sig))
}

// Names lists the signals that have names, by number.
func Names() []string {
	var names []string
	for n := syscall.Signal(1); n < rtMin; n++ {
		if name := unix.SignalName(n); name != "" {
			names = append(names, strings.TrimPrefix(name, "SIG"))
		}
	}
	return names
}
