//go:build !pidbox_some || applet_chpst || applet_daemonize || applet_keep_alive || applet_pid_bound || applet_start_stop_daemon

package applets

import (
	"errors"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/health"
	"pidbox/lib/supervise"
)

// serviceStatus is the status of an error about a daemon or a service: see Status.
func serviceStatus(err error) applet.Status {
	switch {
	case is[*health.TakenError](err):
		return applet.Unsafe
	case is[*daemon.DiedError](err), errors.Is(err, supervise.ErrGaveUp):
		return applet.Absent
	case is[*daemon.NotReadyError](err):
		return applet.TimedOut
	case is[*supervise.OccupiedError](err):
		return applet.No
	}
	return applet.OK
}

func serviceHint(err error) string {
	if is[*health.TakenError](err) {
		return "give --ready-shared if other processes may answer there"
	}
	return ""
}
