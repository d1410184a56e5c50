package multicall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/resolve"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
	"pidbox/lib/supervise"
)

// report turns the outcome of a call into its exit status and its message: one line, and at most one hint, each
// in a single write. Every status of every applet is decided here or by an *applet.Error.
func report(call *applet.Call, err error, failure applet.Status) applet.Status {
	status, silent := statusOf(err, failure)
	if out := call.Stdout.(*output); silent && out.err != nil {
		err, status = out.err, failure
	} else if silent {
		return status
	}
	if call.Quiet && (status == applet.No || status == applet.Absent) {
		return status
	}
	call.Say("%v", err)
	switch hint := hintOf(err); {
	case status == applet.BadUsage:
		io.WriteString(call.Stderr, "try '"+call.Name+" --help'\n")
	case hint != "":
		io.WriteString(call.Stderr, applet.Line("hint: "+hint)+"\n")
	}
	return status
}

// statusOf is the one mapper from errors to exit statuses; silent says that there is nothing to print.
func statusOf(err error, failure applet.Status) (status applet.Status, silent bool) {
	if err == nil {
		return applet.OK, true
	}
	if known := as[*applet.Error](err); known != nil {
		return known.Status, known.Err == nil
	}
	for _, s := range []func(error) applet.Status{commandStatus, pidfileStatus, serviceStatus, processStatus} {
		if status := s(err); status != applet.OK {
			return status, false
		}
	}
	return failure, false
}

func commandStatus(err error) applet.Status {
	switch e := as[*spawn.ExecError](err); {
	case e == nil:
		return applet.OK
	case e.NotFound:
		return applet.NotFound
	}
	return applet.CannotExec
}

func pidfileStatus(err error) applet.Status {
	held := as[*pidfile.HeldError](err)
	switch {
	case held != nil && held.Waited > 0:
		return applet.TimedOut
	case held != nil:
		return applet.No
	case as[*resolve.Unsafe](err) != nil, as[*pidfile.DoubtError](err) != nil, as[*pidfile.GarbageError](err) != nil:
		return applet.Unsafe
	case errors.Is(err, pidfile.ErrBusy):
		return applet.Busy
	case errors.Is(err, pidfile.ErrChanged):
		return applet.Unsafe
	}
	return applet.OK
}

func serviceStatus(err error) applet.Status {
	switch {
	case as[*daemon.DiedError](err) != nil, errors.Is(err, supervise.ErrGaveUp):
		return applet.Absent
	case as[*daemon.NotReadyError](err) != nil:
		return applet.TimedOut
	case as[*supervise.OccupiedError](err) != nil:
		return applet.No
	}
	return applet.OK
}

func processStatus(err error) applet.Status {
	switch {
	case errors.Is(err, proc.ErrNotFound):
		return applet.Absent
	case errors.Is(err, stop.ErrSurvived):
		return applet.Survived
	case as[*signals.Caught](err) != nil: // where it cannot die of it
		return 128 + applet.Status(as[*signals.Caught](err).Signal)
	case as[*proc.NotLeaderError](err) != nil, as[*proc.DoubtError](err) != nil, errors.Is(err, fs.ErrPermission):
		return applet.Unsafe
	case errors.Is(err, context.DeadlineExceeded):
		return applet.TimedOut
	}
	return applet.OK
}

// hintOf is the line that says what would help, or "".
func hintOf(err error) string {
	if hinted := as[*applet.Hinted](err); hinted != nil {
		return hinted.Hint
	}
	if unsafe := as[*resolve.Unsafe](err); unsafe != nil {
		return unsafe.Hint
	}
	if doubt := as[*pidfile.DoubtError](err); doubt != nil && doubt.Holder.PID != 1 {
		return fmt.Sprintf("look at process %d, then give --unrecorded=running or --unrecorded=stale", doubt.Holder.PID)
	}
	return ""
}

// as is the first error of type E in err's chain, or nil.
func as[E error](err error) (e E) {
	errors.As(err, &e)
	return e
}
