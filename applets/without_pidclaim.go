//go:build pidbox_some && !applet_pid_claim

package applets

import "pidbox/lib/applet"

func pidClaim() *applet.Applet { return nil }
