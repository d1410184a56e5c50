package multicall

import (
	"fmt"
	"strconv"
	"strings"

	"pidbox/lib/applet"
)

// set gives the options in words, which are of spell, their values, and returns the operands. Package flag and urfave/cli
// do the same, but make an object of each option and load templates and regular expressions first.
func set(options []applet.Option, words []string, call *applet.Call) ([]string, error) {
	for i, word := range words {
		if word == "--" {
			return words[i+1:], nil
		}
		if !dashed(word) {
			return words[i:], nil
		}
		name, text, given := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !given {
			text = "true" // a switch, or an option whose value can be left out
		}
		o := applet.Find(options, name)
		if o == nil { // spell let it pass
			return nil, fmt.Errorf("unknown option %s", word)
		}
		if err := setOne(*o, name, text, call); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// setOne gives an option its value and records in the call that it was given. An error names the option by the spelling that
// was used.
func setOne(o applet.Option, name, text string, call *applet.Call) error {
	err := o.Value.Set(text)
	switch {
	case err == nil:
		on, _ := strconv.ParseBool(text)
		call.Note(o, o.Arg == "" && !on)
		return nil
	case strings.HasPrefix(err.Error(), "must "), strings.HasPrefix(err.Error(), "given "), strings.HasPrefix(err.Error(), "takes "):
		return fmt.Errorf("%s %w", applet.Dashed(name), err)
	}
	return fmt.Errorf("%s: %w", applet.Dashed(name), err)
}
