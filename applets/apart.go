//go:build !pidbox_some || applet_chpst || applet_daemonize || applet_keep_alive || applet_pid_bound || applet_start_stop_daemon

package applets

import (
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/signals"
)

// apart has this very command line done by a process without children, and ends as that does, if this one has some: the
// shell's that executed it. It is for what has to tell a daemon's orphans from others.
func apart(c *applet.Call) (done bool, err error) {
	if !daemon.Crowded() {
		return false, nil
	}
	path, err := daemon.Own(c.Line[0])
	if err != nil {
		return false, nil // then they cannot be told
	}
	end, err := daemon.Apart(path, c.Line)
	if err != nil {
		return true, err
	}
	if end.Signal != 0 {
		signals.Die(end.Signal)
		return true, applet.Exit(applet.Status(128 + end.Signal))
	}
	return true, applet.Exit(applet.Status(end.Code))
}

// minUptime is how long COMMAND has to live, unless told: a port that is taken, or a file that is missing, is found.
const minUptime = 100 * time.Millisecond
