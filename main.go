// Pidbox is one binary of many applets, each of which does one hard part of a process's life correctly: claim a
// pidfile, check it, stop what it names, detach a command, wait until it is healthy, keep it alive, break it on
// purpose. Called by the name of an applet it is that applet; see applets/ for what there is.
package main

import (
	"os"

	"pidbox/applets"
	"pidbox/lib/multicall"
)

func main() {
	os.Exit(multicall.Main(os.Args, os.Stdin, os.Stdout, os.Stderr, applets.List(), applets.Status, applets.Foreign))
}
