//go:build pidbox_some && !applet_pid_kill

package applets

import "pidbox/lib/applet"

func pidKill() *applet.Applet { return nil }
