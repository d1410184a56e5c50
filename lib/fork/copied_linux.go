//go:build !amd64 && !arm64

package fork

import "syscall"

//go:norace
//go:nosplit
func share(*Program) (uintptr, syscall.Errno) { return 0, syscall.ENOSYS }
