//go:build !pidbox_some || applet_keep_alive

package applets

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/jsonline"
	"pidbox/lib/pidfile"
	"pidbox/lib/spawn"
	"pidbox/lib/supervise"
)

// jsonStatus is what --json prints of --status and --restart, whatever came of it.
type jsonStatus struct {
	Exit applet.Status `json:"status"`
	File string        `json:"file"`
	supervise.Status
	Why string `json:"why,omitempty"`
}

func (out jsonStatus) object() *jsonline.Object {
	return out.Fields(new(jsonline.Object).Field("status", int(out.Exit)).Field("file", out.File)).Some("why", out.Why)
}

// absent is the state of a keep-alive that does not answer.
const absent supervise.State = "absent"

// ask does --status and --restart.
func (o *keepAliveOptions) ask(c *applet.Call) error {
	st, err := o.asked(c)
	switch {
	case o.json:
		out := jsonStatus{File: o.PIDFile, Status: st}
		out.Exit, out.Why = outcomeOf(err)
		return printObject(c, out, out.Exit, err)
	case o.status && st.State != absent:
		if _, lost := fmt.Fprintln(c.Stdout, statusLine(st)); lost != nil {
			return lost
		}
	}
	return err
}

// asked is what the keep-alive of the pidfile answers, and the error that it comes to.
func (o *keepAliveOptions) asked(c *applet.Call) (supervise.Status, error) {
	st := supervise.Status{State: absent}
	h, err := pidfile.Read(o.PIDFile, o.Rules)
	if err != nil {
		return st, err
	}
	defer h.Close()
	switch held, err := h.Live(); {
	case err != nil:
		return st, err
	case held == nil:
		return st, applet.Fail(applet.Absent, "%s: no keep-alive is running: %s", o.PIDFile, h.Why)
	}
	what := "an answer"
	if o.restart {
		what = "the restart"
	}
	shown := c.Progress(0, "waiting for %s of the keep-alive of %s", what, o.PIDFile)
	defer shown.Clear()
	var answer supervise.Status
	if o.restart {
		answer, err = supervise.AskRestart(o.PIDFile, h.PID, time.Duration(math.MaxInt64))
	} else {
		answer, err = supervise.AskStatus(o.PIDFile, h.PID)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return st, applet.WithHint(applet.Fail(applet.Unsafe, "%s: process %d answers only root and its own user", o.PIDFile, h.PID),
			"pid-alive %s says whether it runs", o.PIDFile)
	case err != nil:
		return st, applet.Fail(applet.Unsafe, "%s: process %d: %w", o.PIDFile, h.PID, err)
	case o.status && answer.State != supervise.Running:
		return answer, applet.Exit(applet.No)
	}
	return answer, nil
}

// statusLine is one line for a person.
func statusLine(st supervise.Status) string {
	line := string(st.State)
	if st.Child != 0 {
		line += fmt.Sprintf(" as process %d for %v", st.Child, seconds(st.Uptime))
	}
	if st.Adopted {
		line += ", adopted"
	}
	if st.Healthy != nil {
		line += map[bool]string{true: ", healthy", false: ", unhealthy"}[*st.Healthy]
	}
	if st.Next != nil {
		line += fmt.Sprintf(", next start in %v", seconds(st.NextIn))
	}
	line += ", " + applet.Count(st.Restarts, "restart")
	if st.LastExit != "" {
		line += ", last exit: " + st.LastExit
	}
	return line
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second / 10)
}

// preview says what would be done.
func (o *keepAliveOptions) preview(c *applet.Call) error {
	would, err := supervise.Foresee(o.Config)
	switch {
	case err != nil:
		return err
	case would.PID == 0:
		c.Say("would start %s", would.Path)
	case would.Same:
		c.Say("would adopt process %d", would.PID)
	default:
		c.Say("would stop process %d, which runs another command, and start %s", would.PID, would.Path)
	}
	return nil
}

// adviseOrder says how an order is given where its name stood in the place of COMMAND, as for systemctl and supervisorctl.
func adviseOrder(c *applet.Call, err error) error {
	if exec := as[*spawn.ExecError](err); exec == nil || !exec.NotFound || len(c.Args) == 0 {
		return err
	}
	switch word := c.Args[0]; word {
	case "status", "stop", "restart":
		return applet.WithHint(err, "write keep-alive -p FILE --%s", word)
	case "start":
		return applet.WithHint(err, "write keep-alive --detach -p FILE COMMAND")
	}
	return err
}
