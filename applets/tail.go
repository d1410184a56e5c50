//go:build !pidbox_some || applet_daemonize || applet_keep_alive

package applets

import "pidbox/lib/applet"

// tail shows the last lines that a daemon wrote.
func tail(c *applet.Call, file string, lines []string) {
	for _, line := range lines {
		c.Say("%s: %s", file, line)
	}
}
