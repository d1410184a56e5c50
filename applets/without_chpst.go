//go:build pidbox_some && !applet_chpst

package applets

import "pidbox/lib/applet"

func chpst() *applet.Applet { return nil }
