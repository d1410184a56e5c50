package supervise

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// onOneProcessor has the runtime use one processor, for a supervisor has little to do at once, and each further one caches memory
// of its own. It can change that later only by a stop of the world, which costs more than it saves, so it is told in the
// environment of a second exec of this very program. Where that fails, it goes on as it is.
func onOneProcessor() {
	const variable, ours = "GOMAXPROCS", "01" // which is not how anybody else writes it
	value, given := os.LookupEnv(variable)
	switch {
	case value == ours:
		os.Unsetenv(variable) // it is not for the command
		_ = os.WriteFile("/proc/self/comm", []byte(strings.TrimPrefix(filepath.Base(os.Args[0]), "-")), 0)
	case !given && runtime.GOMAXPROCS(0) > 1:
		_ = unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), variable+"="+ours))
	}
}

// unmapProgram gives up what of the program is mapped. Its start went through much of it; what it runs from then on is a
// small part, which comes back from the page cache when it is used.
func unmapProgram() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, _ := os.ReadFile("/proc/self/maps")
	for _, m := range unchanged(string(maps), self, fixed("/proc/self/exe")) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m[0], m[1]-m[0], unix.MADV_DONTNEED)
	}
}

// unchanged are the parts of memory, each from where to where, that are as they are in the file. What can be written is not,
// and of a program that is loaded anywhere the data that the loader made read-only when it had put addresses into it.
func unchanged(maps, file string, fixed bool) (all [][2]uintptr) {
	for line := range strings.Lines(maps) {
		// 00400000-00a77000 r-xp 00000000 fe:00 11248392    /usr/bin/pidbox
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != file || fields[1] != "r-xp" && (!fixed || fields[1] != "r--p") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		first, err := strconv.ParseUint(from, 16, 64)
		end, failed := strconv.ParseUint(to, 16, 64)
		if err == nil && failed == nil {
			all = append(all, [2]uintptr{uintptr(first), uintptr(end)})
		}
	}
	return all
}

// fixed says that a program is loaded where its file says: ET_EXEC of elf(5).
func fixed(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [18]byte
	const kind, executable = 16, 2
	_, err = io.ReadFull(f, head[:])
	return err == nil && binary.NativeEndian.Uint16(head[kind:]) == executable
}
