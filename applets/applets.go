// Package applets holds the commands. Each is in the file of its name without dashes: its contract, texts, options and
// run; what does not fit into one page is beside it, in NAME_PART.go. What several share: pidfile.go, the options and
// checks of pidfiles; command.go, those of a COMMAND; statuses.go, from errors to exit statuses.
package applets

import (
	"runtime"

	"pidbox/lib/applet"
)

// List is every applet, by name. Adding one is its file, its line here, its scripts, and make generate.
//
// A build is of all of them, or, with the tag pidbox_some, of those that have a tag of their own, applet_pid_claim and so
// on: make build APPLETS='...' sets these. The files of an applet begin with the tags of those that are made of them;
// without_NAME.go stands for them where they are left out.
func List() []applet.Entry {
	return []applet.Entry{
		{Name: "chpst", Also: []string{"envdir", "envuidgid", "setlock", "setuidgid", "softlimit"}, New: chpst, DropIn: true},
		{Name: "daemonize", New: daemonize},
		{Name: "fault-agent", New: faultAgent},
		{Name: "fault-tester", New: faultTester},
		{Name: "keep-alive", New: keepAlive},
		{Name: "pid-alive", New: pidAlive},
		{Name: "pid-bound", New: pidBound},
		{Name: "pid-claim", New: pidClaim},
		{Name: "pid-kill", New: pidKill},
		{Name: "sipid", New: sipid},
		{Name: "start-stop-daemon", New: startStopDaemon, DropIn: true},
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
