//go:build pidbox_some && !applet_pid_alive

package applets

import "pidbox/lib/applet"

func pidAlive() *applet.Applet { return nil }
