//go:build pidbox_some && !applet_daemonize

package applets

import "pidbox/lib/applet"

func daemonize() *applet.Applet { return nil }
