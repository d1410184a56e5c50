//go:build pidbox_some && !applet_keep_alive

package applets

import "pidbox/lib/applet"

func keepAlive() *applet.Applet { return nil }
