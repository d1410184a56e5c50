package multicall

import (
	"fmt"
	"slices"
	"strings"

	"pidbox/lib/applet"
)

// speller reads a command line of an applet as getopt_long(3) does.
type speller struct {
	applet  *applet.Applet
	options []applet.Option
	operand *applet.Option // whose values the operands are, or nil
	foreign Foreign
}

// spell rewrites options into what Go's flag package reads: -qv as -q -v, -pFILE as -p=FILE, and an operand that is an
// option's value as that option. Options may follow operands, but not a COMMAND. A long option behind one dash is refused:
// getopt would read -pid-file as -p id-file, and claim that.
func (s speller) spell(args []string) ([]string, error) {
	alone := len(args) == 1
	commands := s.applet.Operand == applet.Command
	var words, operands []string
	ended := 0              // how many operands stand before --
	var open *applet.Option // the last word, if it is an option whose value can be left out
	for len(args) > 0 {
		arg := args[0]
		if typed := typeset(arg); typed != "" {
			return nil, applet.Usage("%q begins with a typographic dash; write %s", arg, typed)
		}
		last := arg == "--" || !dashed(arg) && (!s.applet.Operands.Amid || s.until(words))
		if commands && last && arg != "--" && len(operands) > 0 {
			return nil, applet.Usage("%q stands behind the option --%s and before it %q: write -- before the command", arg, s.applet.Operands.Until, operands[0])
		}
		if commands && last {
			return slices.Concat(words, operands, args), nil
		}
		args = args[1:]
		switch {
		case arg == "--":
			ended = len(operands)
			operands, args = append(operands, args...), nil
		case dashed(arg):
			var err error
			if words, args, open, err = s.option(arg, alone, words, args); err != nil {
				return nil, err
			}
		case open != nil && s.operand != nil && valueOf(open, arg):
			return nil, applet.Usage("unexpected operand %q; did you mean %s=%s?", arg, words[len(words)-1], arg)
		default:
			operands, open = append(operands, arg), nil
		}
	}
	if commands {
		return append(words, operands...), nil
	}
	if s.operand == nil {
		return append(append(words, "--"), operands...), nil
	}
	for i, arg := range operands {
		switch {
		case s.operand.Repeat:
		case s.given(words) && i == 0:
			return nil, applet.Usage("unexpected operand %q: %s is given already", arg, applet.Dashed(longest(s.operand)))
		case i > 0 && i >= ended && dashed(arg):
			return nil, applet.Usage("unexpected operand %q: options stand before --", arg)
		case i > 0 && strings.Trim(arg, "0123456789") != "" && s.applet.Operands.Check != nil && s.applet.Operands.Check(arg) != nil:
		case i > 0:
			return nil, applet.Usage("unexpected operand %q: one %s is taken, and that is %s", arg, s.operand.Arg, operands[0])
		}
		if s.applet.Operands.Check != nil {
			if err := s.applet.Operands.Check(arg); err != nil {
				return nil, applet.Usage("unexpected operand %q: %w", arg, err)
			}
		}
		words = append(words, applet.Dashed(longest(s.operand))+"="+arg)
	}
	return words, nil
}

// valueOf says whether an operand must have been meant as the value of the option before it, which takes one only behind an
// equals sign: it is a number, or a word that stands in the option's meaning with the sign.
func valueOf(o *applet.Option, arg string) bool {
	return arg != "" && arg[0] >= '0' && arg[0] <= '9' && o.Value.Set(arg) == nil || strings.Contains(o.Text, "--"+longest(o)+"="+arg+" ")
}

// until says whether words have the option behind which all else is a command.
func (s speller) until(words []string) bool {
	return slices.Contains(words, applet.Dashed(s.applet.Operands.Until))
}

// given says whether words give the option that operands stand for.
func (s speller) given(words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		return slices.Contains(s.operand.Names, name)
	})
}

// option reads one argument that begins with a dash. open is it, if it takes a value only behind an equals sign.
func (s speller) option(arg string, alone bool, words, args []string) (_, rest []string, open *applet.Option, err error) {
	name, _, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	o := applet.Find(s.options, name)
	switch {
	case !strings.HasPrefix(arg, "--") && o != nil && len(name) > 1:
		return nil, nil, nil, applet.Usage("%s is spelled -%s", arg, arg)
	case !strings.HasPrefix(arg, "--"):
		words, rest, err = s.cluster(arg, alone, words, args)
		return words, rest, nil, err
	case o == nil || len(name) == 1 || strings.HasPrefix(arg, "---"):
		return nil, nil, nil, s.unknown("--"+strings.TrimPrefix(arg, "--"), name)
	case o.Optional && !given:
		return append(words, arg), args, o, nil
	case !o.TakesValue() || given:
		return append(words, arg), args, nil, nil
	case len(args) == 0:
		return nil, nil, nil, applet.Usage("%s needs a value (%s)", arg, o.Arg)
	}
	return append(words, arg+"="+args[0]), args[1:], nil, nil
}

// typeset is an option as it is typed whose dashes a word processor or a web page has changed, or "" for what is none.
func typeset(arg string) string {
	name := strings.TrimLeft(arg, "-\u2010\u2011\u2012\u2013\u2014\u2212")
	if dashes := arg[:len(arg)-len(name)]; name == "" || strings.Trim(dashes, "-") == "" {
		return ""
	}
	if letter, _, _ := strings.Cut(name, "="); len(letter) == 1 {
		return "-" + name
	}
	return "--" + name
}

func dashed(arg string) bool { return arg != "-" && strings.HasPrefix(arg, "-") }

// longest is the first of an option's long names.
func longest(o *applet.Option) string {
	for _, name := range o.Names {
		if len(name) > 1 {
			return name
		}
	}
	return o.Names[0]
}

// cluster reads the letters behind one dash, of which the last may take the rest, or the next argument, as value. alone
// says that arg is all there is on the command line.
func (s speller) cluster(arg string, alone bool, words, args []string) ([]string, []string, error) {
	for i := 1; i < len(arg); i++ { // from behind the dash; a letter that is more than a byte is unknown
		name, rest := arg[i:i+1], arg[i+1:]
		o := applet.Find(s.options, name)
		switch {
		case o == nil:
			return nil, nil, s.unknown(arg, name)
		case name == "h" && slices.Contains(o.Names, "help") && !(alone && arg == "-h"):
			return nil, nil, s.refuse("-h", "-h is help only when it stands alone")
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

// unknown refuses an option, with what it is called here: as another program's option, as the beginning of one of ours, or
// as one that is nearly spelled so.
func (s speller) unknown(arg, name string) error {
	arg, _, _ = strings.Cut(arg, "=")
	text := "unknown option " + arg
	if s.foreign != nil && s.foreign(s.applet.Name, arg) != "" {
		return s.refuse(arg, text)
	}
	near := s.begins(name)
	if near == "" {
		var names []string
		for _, o := range s.options {
			names = append(names, o.Names...)
		}
		near = applet.Nearest(strings.ToLower(name), names)
	}
	if near == trusting && !strings.HasPrefix(name, "allow") {
		near = ""
	}
	if len(near) > 1 {
		text += fmt.Sprintf("; did you mean --%s?", near)
	}
	return applet.Usage("%s", text)
}

// trusting is the option that a hint never brings up: it accepts what a stranger may have made.
const trusting = "allow-insecure"

// refuse is a usage error, with what is to be written for the option of another program.
func (s speller) refuse(arg, text string) error {
	if s.foreign != nil {
		if ours := s.foreign(s.applet.Name, arg); ours != "" {
			text += ": " + ours
		}
	}
	return applet.Usage("%s", text)
}

// begins is the long name of the one option that begins so, or "".
func (s speller) begins(name string) string {
	var found *applet.Option
	near := ""
	for i := range s.options {
		for _, long := range s.options[i].Names {
			if len(name) < 2 || len(long) < 2 || !strings.HasPrefix(long, name) {
				continue
			}
			if found != nil && found != &s.options[i] {
				return ""
			}
			if found == nil {
				found, near = &s.options[i], long
			}
		}
	}
	return near
}
