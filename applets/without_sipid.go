//go:build pidbox_some && !applet_sipid

package applets

import "pidbox/lib/applet"

func sipid() *applet.Applet { return nil }
