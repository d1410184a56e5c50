package applet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What an applet that parses by itself returns to have its help or its version printed.
var (
	ErrHelp    = errors.New("help is wanted")
	ErrVersion = errors.New("version is wanted")
)

// Getopt reads args as getopt_long(3) does, for the drop-ins, whose scripts rely on it: letters in a cluster, long
// names cut short, operands between options, -- as their end; if ordered, the first operand is the end too. What is
// given is noted. Errors have the words of the C library; a value that its option refuses is the option's own error.
func (c *Call) Getopt(options []Option, args []string, ordered bool) (operands []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return append(operands, args...), nil
		case strings.HasPrefix(arg, "--"):
			args, err = c.long(options, arg[2:], args)
		case len(arg) > 1 && arg[0] == '-':
			args, err = c.letters(options, arg[1:], args)
		case ordered:
			return append(append(operands, arg), args...), nil
		default:
			operands = append(operands, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return operands, nil
}

func (c *Call) long(options []Option, text string, args []string) ([]string, error) {
	name, value, given := strings.Cut(text, "=")
	o, like := Find(options, name), []string(nil)
	if len(name) < 2 {
		o = nil
	}
	for i := 0; i < len(options) && o == nil; i++ {
		for _, full := range options[i].Names {
			if len(full) > 1 && strings.HasPrefix(full, name) {
				like = append(like, full)
			}
		}
	}
	switch {
	case o != nil:
	case len(like) == 1:
		name = like[0]
		o = Find(options, name)
	case len(like) > 1:
		slices.Sort(like)
		return nil, fmt.Errorf("option '--%s' is ambiguous; possibilities: '--%s'", text, strings.Join(like, "' '--"))
	default:
		return nil, fmt.Errorf("unrecognized option '--%s'", text)
	}
	c.Note(*o, false)
	switch {
	case !o.TakesValue() && given:
		return nil, fmt.Errorf("option '--%s' doesn't allow an argument", name)
	case !o.TakesValue():
		return args, o.Value.Set("true")
	case given:
		return args, o.Value.Set(value)
	case len(args) == 0:
		return nil, fmt.Errorf("option '--%s' requires an argument", name)
	}
	return args[1:], o.Value.Set(args[0])
}

func (c *Call) letters(options []Option, cluster string, args []string) ([]string, error) {
	for i := range len(cluster) {
		name, rest := cluster[i:i+1], cluster[i+1:]
		o := Find(options, name)
		if o != nil {
			c.Note(*o, false)
		}
		switch {
		case o == nil:
			return nil, fmt.Errorf("invalid option -- '%s'", name)
		case !o.TakesValue():
			if err := o.Value.Set("true"); err != nil {
				return nil, err
			}
			continue
		case rest != "":
			return args, o.Value.Set(rest)
		case len(args) == 0:
			return nil, fmt.Errorf("option requires an argument -- '%s'", name)
		}
		return args[1:], o.Value.Set(args[0])
	}
	return args, nil
}
