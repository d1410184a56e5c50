//go:build !pidbox_some || applet_fault_tester

package applets

import (
	"pidbox/lib/applet"
	"pidbox/lib/fault/run"
)

// testerStatus is the status of an error about a cluster: see Status.
func testerStatus(err error) applet.Status {
	switch {
	case is[*run.HoldError](err), run.Wrong(err):
		return applet.BadUsage
	case is[*run.UnhealthyError](err), is[*run.UnreachableError](err), is[*run.RefusedError](err):
		return applet.Unsafe
	}
	return applet.OK
}

func testerHint(err error) string {
	silent := as[*run.UnreachableError](err)
	if silent == nil || !silent.Absent() {
		return ""
	}
	return "no agent listens there; start one beside the member: fault-agent -p FILE --listen ADDRESS -- COMMAND"
}
