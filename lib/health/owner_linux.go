package health

import (
	"os"
	"strconv"
	"syscall"
)

// ownerOf is the user of a process, -1 where that is not to be seen.
func ownerOf(pid int) int {
	info, err := os.Stat("/proc/" + strconv.Itoa(pid))
	if err != nil {
		return -1
	}
	if st, is := info.Sys().(*syscall.Stat_t); is {
		return int(st.Uid)
	}
	return -1
}
