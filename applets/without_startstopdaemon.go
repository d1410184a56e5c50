//go:build pidbox_some && !applet_start_stop_daemon

package applets

import "pidbox/lib/applet"

func startStopDaemon() *applet.Applet { return nil }
