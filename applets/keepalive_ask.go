//go:build !pidbox_some || applet_keep_alive

package applets

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
	"pidbox/lib/supervise"
)

// ask does --status and --restart.
func (o *keepAliveOptions) ask(c *applet.Call) error {
	h, err := pidfile.Read(o.PIDFile, o.Rules)
	if err != nil {
		return err
	}
	defer h.Close()
	switch held, err := h.Live(); {
	case err != nil:
		return err
	case held == nil:
		return applet.Fail(applet.Absent, "%s: no keep-alive is running: %s", o.PIDFile, h.Why)
	}
	var st supervise.Status
	if o.restart {
		st, err = supervise.AskRestart(o.PIDFile, h.PID, time.Duration(math.MaxInt64))
	} else {
		st, err = supervise.AskStatus(o.PIDFile, h.PID)
	}
	if err != nil {
		return applet.Fail(applet.Unsafe, "%s: process %d: %w", o.PIDFile, h.PID, err)
	}
	if o.json {
		if err := json.NewEncoder(c.Stdout).Encode(st); err != nil {
			return err
		}
	} else if o.status {
		if _, err := fmt.Fprintln(c.Stdout, statusLine(st)); err != nil {
			return err
		}
	}
	if o.status && st.State != supervise.Running {
		return applet.Exit(applet.No)
	}
	return nil
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
