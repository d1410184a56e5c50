//go:build pidbox_some && !applet_fault_agent

package applets

import "pidbox/lib/applet"

func faultAgent() *applet.Applet { return nil }

func agentStatus(error) applet.Status { return applet.OK }

func agentHint(error) string { return "" }
