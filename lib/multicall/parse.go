package multicall

import (
	"fmt"
	"io"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/manual"
)

// parse reads the options in call.Args and runs a on the operands.
func parse(a *applet.Applet, call *applet.Call, foreign Foreign) error {
	var common applet.Common
	options := a.All(&common)
	command, args := leading(a, call.Args)
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

// leading splits off the first operand where it is one of the applet's commands: options may follow it.
func leading(a *applet.Applet, args []string) (command, rest []string) {
	for _, c := range a.Commands {
		if len(args) > 0 && args[0] == c.Name {
			return args[:1:1], args[1:]
		}
	}
	return nil, args
}

// raw runs an applet that parses by itself; only a first --help is taken from it.
func raw(a *applet.Applet, call *applet.Call) error {
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
