//go:build !pidbox_some

package multicall

import (
	"flag"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"pidbox/lib/applet"
)

// read gives the options in words, which are of spell, their values by urfave/cli, and returns the operands.
func read(name string, options []applet.Option, words []string, call *applet.Call) (operands []string, err error) {
	var refused error
	app := &cli.App{
		Name:            name,
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
				return refused
			}
			return err
		},
		Action: func(c *cli.Context) error {
			operands = c.Args().Slice()
			return nil
		},
	}
	return operands, app.Run(append([]string{name}, words...))
}

// flags makes a flag of each option as it is spelled in words, which are of spell. Of all others it makes none: that would
// take longer than what most applets do.
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
		n := &named{*o, name, call, refused}
		if _, isSwitch := o.Value.(interface{ IsBoolFlag() bool }); isSwitch {
			all = append(all, given{name, namedSwitch{n}})
		} else {
			all = append(all, given{name, n})
		}
	}
	return all
}

// given is the flag of an option for cli, whose own flags match the name with a regular expression.
type given struct {
	name  string
	value flag.Value
}

func (g given) String() string  { return g.name }
func (g given) Names() []string { return []string{g.name} }
func (g given) IsSet() bool     { return true }

func (g given) Apply(set *flag.FlagSet) error {
	set.Var(g.value, g.name, "")
	return nil
}

// named is an option's value that keeps why it refused a text.
type named struct {
	option  applet.Option
	name    string
	call    *applet.Call
	refused *error
}

func (n *named) Set(text string) error {
	err := setOne(n.option, n.name, text, n.call)
	if err != nil {
		*n.refused = err
	}
	return err
}

func (n *named) String() string { return "" }

type namedSwitch struct{ *named }

func (namedSwitch) IsBoolFlag() bool { return true }
