package applets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/cgroup"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/resolve"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// Status is the exit status of a mechanism's error, and a line that says what would help, or "". The first case that fits
// an error of the chain counts. OK stands for an error that is not listed: the applet itself failed. An applet that means
// another status than this table says so by applet.Fail. The lines of mechanisms that a build can be without are beside the
// applets that have them: serviceStatus, agentStatus and testerStatus.
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
	case testerStatus(err) != applet.OK:
		return testerStatus(err), hint
	case agentStatus(err) != applet.OK:
		return agentStatus(err), hint

	// A signal to this program
	case is[*signals.Caught](err):
		return applet.Status(128 + as[*signals.Caught](err).Signal), hint

	// A daemon or a service
	case serviceStatus(err) != applet.OK:
		return serviceStatus(err), hint

	// A process
	case is[*cgroup.NoneError](err):
		return applet.Unsafe, hint
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
	if hint := serviceHint(err) + agentHint(err) + testerHint(err); hint != "" {
		return hint
	}
	if doubt := as[*pidfile.DoubtError](err); doubt != nil && doubt.Holder.PID != 1 {
		return fmt.Sprintf("look at process %d, then give --unrecorded=running or --unrecorded=stale", doubt.Holder.PID)
	}
	if exec := as[*spawn.ExecError](err); exec != nil && exec.NotFound {
		return notACommand(exec.Path)
	}
	return ""
}

// notACommand says what may have been meant by a COMMAND that there is not, or "".
func notACommand(name string) string {
	const builtins = " . : alias cd eval exec export if for set source trap ulimit umask unset until wait while "
	switch variable, _, assigned := strings.Cut(name, "="); {
	case strings.ContainsAny(name, " \t"):
		return fmt.Sprintf("its name has blanks: leave the quotes out, or write sh -c '%s'", name)
	case assigned && !strings.Contains(variable, "/"):
		return fmt.Sprintf("a variable is set by env %s in front of COMMAND", name)
	case strings.HasSuffix(name, ".pid"):
		return fmt.Sprintf("a pidfile is given by -p %s", name)
	case strings.Trim(name, "0123456789.") == "":
		return "a number is no command: look at the value of the option before it"
	case strings.Contains(builtins, " "+name+" "):
		return fmt.Sprintf("%s is a command of the shell: write sh -c '%s ...'", name, name)
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
