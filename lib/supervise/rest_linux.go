package supervise

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapProgram gives up what of the program is mapped. Its start went through much of it; what it runs from then on is a
// small part, which comes back from the page cache when it is used.
func unmapProgram() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		// 00400000-00a77000 r-xp 00000000 fe:00 11248392    /usr/bin/pidbox
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != self || fields[1][1] == 'w' {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		first, err := strconv.ParseUint(from, 16, 64)
		end, failed := strconv.ParseUint(to, 16, 64)
		if err == nil && failed == nil {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(first), uintptr(end-first), unix.MADV_DONTNEED)
		}
	}
}
