//go:build pidbox_some && !(applet_chpst || applet_daemonize || applet_keep_alive || applet_pid_bound || applet_start_stop_daemon)

package applets

import "pidbox/lib/applet"

func serviceStatus(error) applet.Status { return applet.OK }

func serviceHint(error) string { return "" }
