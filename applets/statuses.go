package applets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/fault/agent"
	"pidbox/lib/fault/run"
	"pidbox/lib/health"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/resolve"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
	"pidbox/lib/supervise"
)

// Status is the exit status of a mechanism's error, and a line that says what would help, or "". The first case that fits
// an error of the chain counts. OK stands for an error that is not listed: the applet itself failed. An applet that means
// another status than this table says so by applet.Fail.
func Status(err error) (status applet.Status, hint string) {
	hint = hintOf(err)
	switch {
	// COMMAND
	case is[*spawn.ExecError](err) && as[*spawn.ExecError](err).NotFound:
		return applet.NotFound, hint
	case is[*spawn.ExecError](err):
		return applet.CannotExec, hint

	// The pidfile
	case is[*pidfile.HeldError](err) && as[*pidfile.HeldError](err).Waited > 0:
		return applet.TimedOut, hint
	case is[*pidfile.HeldError](err):
		return applet.No, hint
	case is[*resolve.Unsafe](err), is[*pidfile.DoubtError](err), is[*pidfile.GarbageError](err):
		return applet.Unsafe, hint
	case errors.Is(err, pidfile.ErrBusy):
		return applet.Busy, hint
	case errors.Is(err, pidfile.ErrChanged):
		return applet.Unsafe, hint

	// A cluster and its agents
	case is[*run.HoldError](err), run.Wrong(err), is[*agent.SyntaxError](err):
		return applet.BadUsage, hint
	case is[*run.UnhealthyError](err), is[*run.UnreachableError](err), is[*run.RefusedError](err), is[*agent.ExposedError](err):
		return applet.Unsafe, hint
	case is[*agent.TakenError](err):
		return applet.No, hint

	// A signal to this program
	case is[*signals.Caught](err):
		return applet.Status(128 + as[*signals.Caught](err).Signal), hint

	// A daemon or a service
	case is[*health.TakenError](err):
		return applet.Unsafe, hint
	case is[*daemon.DiedError](err), errors.Is(err, supervise.ErrGaveUp):
		return applet.Absent, hint
	case is[*daemon.NotReadyError](err):
		return applet.TimedOut, hint
	case is[*supervise.OccupiedError](err):
		return applet.No, hint

	// A process
	case errors.Is(err, proc.ErrNotFound):
		return applet.Absent, hint
	case errors.Is(err, stop.ErrSurvived):
		return applet.Survived, hint
	case is[*proc.NotLeaderError](err), is[*proc.DoubtError](err), errors.Is(err, fs.ErrPermission):
		return applet.Unsafe, hint
	case errors.Is(err, context.DeadlineExceeded):
		return applet.TimedOut, hint
	}
	return applet.OK, hint
}

func hintOf(err error) string {
	if unsafe := as[*resolve.Unsafe](err); unsafe != nil {
		return unsafe.Hint
	}
	if is[*health.TakenError](err) {
		return "give --ready-shared if other processes may answer there"
	}
	if exposed := as[*agent.ExposedError](err); exposed != nil {
		return exposed.Hint
	}
	if doubt := as[*pidfile.DoubtError](err); doubt != nil && doubt.Holder.PID != 1 {
		return fmt.Sprintf("look at process %d, then give --unrecorded=running or --unrecorded=stale", doubt.Holder.PID)
	}
	if exec := as[*spawn.ExecError](err); exec != nil && exec.NotFound && strings.ContainsAny(exec.Path, " \t") {
		return fmt.Sprintf("its name has blanks: leave the quotes out, or write sh -c '%s'", exec.Path)
	}
	return ""
}

// as is the first error of type E in err's chain, or its zero value.
func as[E error](err error) (e E) {
	errors.As(err, &e)
	return e
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
