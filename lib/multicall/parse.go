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
func parse(a *applet.Applet, call *applet.Call) error {
	var common applet.Common
	options := a.All(&common)
	command, args := leading(a, call.Args)
	words, err := spell(options, args)
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
				_, err := fmt.Fprintf(call.Stdout, "%s (pidbox) %s\n", a.Name, Version())
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
	return a.Run(call)
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

// spell rewrites options as getopt_long(3) reads them into what Go's flag package reads: -qv as -q -v, -pFILE as
// -p=FILE. A long option behind one dash is refused: getopt would read -pid-file as -p id-file, and claim that.
func spell(options []applet.Option, args []string) ([]string, error) {
	var words []string
	alone := len(args) == 1
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" || arg == "-" || !strings.HasPrefix(arg, "-") {
			break
		}
		args = args[1:]
		name, _, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		o := applet.Find(options, name)
		switch {
		case strings.HasPrefix(arg, "--"):
			if o == nil || len(name) == 1 || strings.HasPrefix(arg, "---") {
				return nil, unknownOption(options, "--"+strings.TrimPrefix(arg, "--"), name)
			}
			if !o.TakesValue() || given {
				words = append(words, arg)
				continue
			}
			if len(args) == 0 {
				return nil, applet.Usage("%s needs a value (%s)", arg, o.Arg)
			}
			words, args = append(words, arg+"="+args[0]), args[1:]
		case o != nil && len(name) > 1:
			return nil, applet.Usage("%s is spelled -%s", arg, arg)
		case o != nil && name == "h" && o.Names[0] == "help" && !alone: // a host, for many other tools
			return nil, applet.Usage("-h is help, and stands alone")
		default:
			var err error
			if words, args, err = cluster(options, arg, words, args); err != nil {
				return nil, err
			}
		}
	}
	return append(words, args...), nil
}

// cluster reads the letters behind one dash, of which the last may take the rest, or the next argument, as value.
func cluster(options []applet.Option, arg string, words, args []string) ([]string, []string, error) {
	for i := 1; i < len(arg); i++ { // from behind the dash; a letter that is more than a byte is unknown
		name, rest := arg[i:i+1], arg[i+1:]
		o := applet.Find(options, name)
		switch {
		case o == nil:
			return nil, nil, unknownOption(options, arg, name)
		case !o.TakesValue() && strings.HasPrefix(rest, "="):
			return append(words, "-"+name+rest), args, nil
		case !o.TakesValue():
			words = append(words, "-"+name)
			continue
		case rest != "":
			return append(words, "-"+name+"="+strings.TrimPrefix(rest, "=")), args, nil
		case len(args) == 0:
			return nil, nil, applet.Usage("-%s needs a value (%s)", name, o.Arg)
		}
		return append(words, "-"+name+"="+args[0]), args[1:], nil
	}
	return words, args, nil
}

func unknownOption(options []applet.Option, arg, name string) error {
	var names []string
	for _, o := range options {
		names = append(names, o.Names...)
	}
	arg, _, _ = strings.Cut(arg, "=")
	if near := nearest(name, names); len(near) > 1 {
		return applet.Usage("unknown option %s; did you mean --%s?", arg, near)
	}
	return applet.Usage("unknown option %s", arg)
}
