//go:build !pidbox_some || applet_pid_kill || applet_sipid || applet_start_stop_daemon || applet_keep_alive

package applets

import (
	"errors"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/child"
	"pidbox/lib/signals"
)

// stopCommandOption is for what has a way of its own to be stopped.
func stopCommandOption(to *child.Line, what string) applet.Option {
	return applet.Parsed(to, "stop-command", "CMD",
		"stop "+what+" by this line of shell, which has its PID in the variable PID; the first signal follows when CMD fails, or "+
			"when a quarter of its wait is left", func(s string) (child.Line, error) {
			if strings.TrimSpace(s) == "" {
				return "", errors.New("it is empty")
			}
			return child.Line(s), nil
		})
}

func checkStopCommand(line child.Line, schedule signals.Schedule) error {
	if line != "" && schedule[0].Wait == 0 {
		return applet.Usage("--stop-command needs a wait: the schedule %s does not wait after its first signal", schedule)
	}
	return nil
}
