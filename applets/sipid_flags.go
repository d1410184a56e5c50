//go:build !pidbox_some || applet_sipid

package applets

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"pidbox/lib/applet"
)

// sipidFlags gives options their values as package flag does, by whose rules the tool of that name reads its command line,
// and in its words. It returns which of them were given, and what follows them.
func sipidFlags(options []applet.Option, args []string) (given map[string]bool, operands []string, err error) {
	given = map[string]bool{}
	for len(args) > 0 {
		arg := args[0]
		if len(arg) < 2 || arg[0] != '-' {
			break
		}
		args = args[1:]
		if arg == "--" {
			break
		}
		name, value, has := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		if name == "" || name[0] == '-' {
			return nil, nil, fmt.Errorf("bad flag syntax: %s", arg)
		}
		o := applet.Find(options, name)
		switch {
		case o == nil && (name == "help" || name == "h"):
			return nil, nil, applet.ErrHelp
		case o == nil:
			return nil, nil, fmt.Errorf("flag provided but not defined: -%s", name)
		case o.Arg != "" && !has && len(args) == 0:
			return nil, nil, fmt.Errorf("flag needs an argument: -%s", name)
		case o.Arg != "" && !has:
			value, args = args[0], args[1:]
		case o.Arg == "" && !has:
			value = "true"
		}
		if err := o.Value.Set(value); err != nil {
			return nil, nil, sipidRefusal(o, name, value, err)
		}
		given[name] = true
	}
	return given, args, nil
}

func sipidRefusal(o *applet.Option, name, value string, err error) error {
	if _, wrong := strconv.ParseBool(value); o.Arg == "" && wrong != nil {
		return fmt.Errorf("invalid boolean value %q for -%s: %w", value, name, err)
	}
	return errors.New("invalid value " + strconv.Quote(value) + " for flag -" + name + ": " + err.Error())
}
