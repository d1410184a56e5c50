package multicall

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/manual"
)

// parse reads the options in call.Args and runs a on the operands.
func parse(a *applet.Applet, call *applet.Call, foreign Foreign) error {
	if helps(a, call.Args) {
		_, err := io.WriteString(call.Stdout, manual.Help(a))
		return err
	}
	var common applet.Common
	options := a.All(&common)
	command, args := leading(a, options, call.Args)
	words, err := speller{a, options, a.Operands.Of(options, strings.Join(command, "")), foreign}.spell(args)
	if err != nil {
		return err
	}
	operands, err := read(a.Name, options, words, call)
	if err != nil {
		return applet.Usage("%w", err)
	}
	call.Args, call.Quiet, call.Verbose = append(command, operands...), common.Quiet, common.Verbose
	switch {
	case common.Help:
		_, err := io.WriteString(call.Stdout, manual.Help(a))
		return err
	case common.Version:
		_, err := fmt.Fprintf(call.Stdout, "%s (pidbox) %s\n%s\n", a.Name, Version(), origin())
		return err
	}
	if err := a.Related(call); err != nil {
		return err
	}
	return a.Run(call)
}

// leading takes the first operand out of args where it is one of the applet's commands: options may stand on both sides of it.
func leading(a *applet.Applet, options []applet.Option, args []string) (command, rest []string) {
	for i := 0; i < len(args) && len(a.Commands) > 0 && args[i] != "--"; i++ {
		switch {
		case dashed(args[i]) && wantsNext(options, args[i]):
			i++
		case dashed(args[i]):
		case slices.ContainsFunc(a.Commands, func(c applet.Item) bool { return c.Name == args[i] }):
			return args[i : i+1 : i+1], slices.Concat(args[:i], args[i+1:])
		default:
			return nil, args
		}
	}
	return nil, args
}

// wantsNext says whether the value of an option, or of the last letter of a cluster, is the next argument.
func wantsNext(options []applet.Option, arg string) bool {
	name, _, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if strings.HasPrefix(arg, "--") {
		o := applet.Find(options, name)
		return o != nil && o.TakesValue() && !o.Optional && !given
	}
	for i := 1; i < len(arg); i++ {
		if o := applet.Find(options, arg[i:i+1]); o == nil || o.TakesValue() {
			return o != nil && i == len(arg)-1
		}
	}
	return false
}

// helps says that the word help stands where one of the applet's commands could.
func helps(a *applet.Applet, args []string) bool {
	return len(a.Commands) > 0 && len(args) > 0 && args[0] == "help"
}

// raw runs an applet that parses by itself; only a first --help is taken from it.
func raw(a *applet.Applet, call *applet.Call) error {
	if helps(a, call.Args) {
		call.Args = []string{"--help"}
	}
	if len(call.Args) > 0 {
		switch call.Args[0] {
		case "-h", "-help", "--help":
			_, err := io.WriteString(call.Stdout, manual.Help(a))
			return err
		}
	}
	switch err := a.Run(call); err {
	case applet.ErrHelp:
		_, err := io.WriteString(call.Stdout, manual.Help(a))
		return err
	case applet.ErrVersion:
		_, err := fmt.Fprintf(call.Stdout, "%s (pidbox) %s\n", a.Name, Version())
		return err
	default:
		return err
	}
}
