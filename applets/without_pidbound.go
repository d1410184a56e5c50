//go:build pidbox_some && !applet_pid_bound

package applets

import "pidbox/lib/applet"

func pidBound() *applet.Applet { return nil }
