//go:build pidbox_some

package multicall

import "pidbox/lib/applet"

// read gives the options in words their values, without urfave/cli: a build of some applets is for where a megabyte counts.
func read(_ string, options []applet.Option, words []string, call *applet.Call) (operands []string, err error) {
	return set(options, words, call)
}
