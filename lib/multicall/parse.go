package multicall

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"pidbox/lib/applet"
	"pidbox/lib/manual"
)

// parse reads the options in call.Args by urfave/cli and runs a on the operands.
func parse(a *applet.Applet, call *applet.Call, foreign Foreign) error {
	var common applet.Common
	options := a.All(&common)
	command, args := leading(a, call.Args)
	words, err := speller{a, options, a.Operands.Of(options, strings.Join(command, "")), foreign}.spell(args)
	if err != nil {
		return err
	}
	var refused error
	app := &cli.App{
		Name:            a.Name,
		Flags:           flags(options, words, call, &refused),
		HideHelp:        true, // and the help command, or an operand named "help" is swallowed
		HideHelpCommand: true,
		HideVersion:     true,
		Compiled:        time.Unix(0, 0), // else it looks at the binary's date
		Writer:          io.Discard,
		ErrWriter:       io.Discard,
		ExitErrHandler:  func(*cli.Context, error) {}, // else it exits
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			if refused != nil {
				err = refused
			}
			return applet.Usage("%w", err)
		},
		Action: func(c *cli.Context) error {
			call.Args, call.Quiet, call.Verbose = append(command, c.Args().Slice()...), common.Quiet, common.Verbose
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
		},
	}
	return app.Run(append([]string{a.Name}, words...))
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

// flags makes a flag of each option as it is spelled in words, which are of spell. Of all others it makes none: cli
// matches the name of each flag with regular expressions, which takes longer than what most applets do.
func flags(options []applet.Option, words []string, call *applet.Call, refused *error) []cli.Flag {
	var all []cli.Flag
	made := map[string]bool{}
	for _, word := range words {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if name == "" || !strings.HasPrefix(word, "-") {
			break
		}
		o := applet.Find(options, name)
		if made[name] || o == nil {
			continue
		}
		made[name] = true
		var v cli.Generic = &named{*o, name, call, refused}
		if _, isSwitch := o.Value.(interface{ IsBoolFlag() bool }); isSwitch {
			v = namedSwitch{v.(*named)}
		}
		all = append(all, &cli.GenericFlag{Name: name, Value: v})
	}
	return all
}

// named is an option's value that records in the call that it was given, and keeps why it refused a text, under the
// spelling that was used.
type named struct {
	option  applet.Option
	name    string
	call    *applet.Call
	refused *error
}

func (n *named) Set(text string) error {
	err := n.option.Value.Set(text)
	switch {
	case err == nil:
		on, _ := strconv.ParseBool(text)
		n.call.Note(n.option, n.option.Arg == "" && !on)
	case strings.HasPrefix(err.Error(), "must "), strings.HasPrefix(err.Error(), "given "):
		*n.refused = fmt.Errorf("%s %w", applet.Dashed(n.name), err)
	default:
		*n.refused = fmt.Errorf("%s: %w", applet.Dashed(n.name), err)
	}
	return err
}

func (n *named) String() string { return "" }

type namedSwitch struct{ *named }

func (namedSwitch) IsBoolFlag() bool { return true }
