//go:build pidbox_some && !applet_wait_healthy

package applets

import "pidbox/lib/applet"

func waitHealthy() *applet.Applet { return nil }
