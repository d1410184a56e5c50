//go:build !linux

package daemon

// NotifySocket is of no use outside Linux, where no daemon can be started.
func NotifySocket() Readiness { return nil }
