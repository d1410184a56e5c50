// Package applets holds the commands: one file each, named like the command without its dashes.
package applets

import (
	"runtime"

	"pidbox/lib/applet"
)

// List is every applet, by name. Adding one is its file, its line here, its scripts, and make generate.
func List() []applet.Entry {
	return []applet.Entry{
		{Name: "daemonize", New: daemonize},
		{Name: "fault-agent", New: faultAgent},
		{Name: "fault-tester", New: faultTester},
		{Name: "keep-alive", New: keepAlive},
		{Name: "pid-alive", New: pidAlive},
		{Name: "pid-claim", New: pidClaim},
		{Name: "pid-kill", New: pidKill},
		{Name: "sipid", New: sipid},
		{Name: "wait-healthy", New: waitHealthy},
	}
}

// needsLinux is the answer of an applet whose promises no other system lets it keep.
func needsLinux() error {
	if runtime.GOOS != "linux" {
		return applet.Fail(applet.Failed, "needs Linux")
	}
	return nil
}
