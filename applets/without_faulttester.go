//go:build pidbox_some && !applet_fault_tester

package applets

import "pidbox/lib/applet"

func faultTester() *applet.Applet { return nil }

func testerStatus(error) applet.Status { return applet.OK }

func testerHint(error) string { return "" }
