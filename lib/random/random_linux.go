package random

import "golang.org/x/sys/unix"

// fill says whether the kernel has filled b, which is few bytes: they come at once, or not at all before Linux 3.17.
func fill(b []byte) bool {
	for {
		n, err := unix.Getrandom(b, 0)
		if err != unix.EINTR {
			return err == nil && n == len(b)
		}
	}
}
