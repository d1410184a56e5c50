//go:build !pidbox_some || applet_fault_agent

package applets

import (
	"pidbox/lib/applet"
	"pidbox/lib/fault/agent"
)

// agentStatus is the status of an agent's error: see Status.
func agentStatus(err error) applet.Status {
	switch {
	case is[*agent.SyntaxError](err):
		return applet.BadUsage
	case is[*agent.ExposedError](err):
		return applet.Unsafe
	case is[*agent.TakenError](err):
		return applet.No
	}
	return applet.OK
}

func agentHint(err error) string {
	if exposed := as[*agent.ExposedError](err); exposed != nil {
		return exposed.Hint
	}
	return ""
}
