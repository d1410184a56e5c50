package applet

import (
	"fmt"
	"strings"
)

// Common is what every applet is asked besides its own options.
type Common struct{ Help, Version, Quiet, Verbose bool }

// All is the applet's options followed by the common ones, each spelling of which gives way to the applet's own.
func (a *Applet) All(to *Common) []Option {
	if a.Raw {
		return a.Options
	}
	quiet := a.Quiet
	if quiet == "" {
		quiet = `do not explain an answer of "no"; errors are always printed`
	}
	all := append([]Option(nil), a.Options...)
	for _, o := range []Option{
		Switch(&to.Quiet, "quiet q", quiet),
		Switch(&to.Verbose, "verbose v", "report each step on standard error"),
		Switch(&to.Help, "help h", "show this help"),
		Switch(&to.Version, "version", "show the version"),
	} {
		var free []string
		for _, name := range o.Names {
			if Find(a.Options, name) == nil {
				free = append(free, name)
			}
		}
		if o.Names = free; len(free) > 0 {
			all = append(all, o)
		}
	}
	return all
}

// Find is the option with that spelling, or nil.
func Find(options []Option, name string) *Option {
	for i := range options {
		for _, n := range options[i].Names {
			if n == name {
				return &options[i]
			}
		}
	}
	return nil
}

// Dashed is an option's name as it is typed: -p, --pid-file.
func Dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// TakesValue says whether the next argument is the option's value.
func (o *Option) TakesValue() bool { return o.Arg != "" && !o.Optional }

// Check refuses a description that would leave a gap in a help text or a manual page.
func (a *Applet) Check() error {
	missing := func(what string) error { return fmt.Errorf("applet %s: %s", a.Name, what) }
	switch {
	case a.Summary == "" || strings.HasSuffix(a.Summary, ".") || strings.ToLower(a.Summary[:1]) != a.Summary[:1]:
		return missing("the summary is one line, lower case, without a full stop")
	case len(a.Synopsis) == 0:
		return missing("there is no synopsis")
	case len(Paragraphs(a.Description)) == 0:
		return missing("there is no description")
	case len(a.Statuses) == 0 || a.Statuses[0].Name != "0":
		return missing("the exit statuses do not begin with 0")
	case len(a.Examples) == 0 || len(a.Examples[0].Lines) == 0:
		return missing("there is no example")
	case len(Paragraphs(a.Caveats)) == 0:
		return missing("there are no caveats")
	case a.Run == nil:
		return missing("it does nothing")
	}
	for _, e := range a.Examples {
		for _, line := range e.Lines {
			if len(line) > 77 {
				return missing("an example is wider than a terminal: " + line)
			}
		}
	}
	seen := map[string]bool{}
	for _, o := range a.Options {
		if len(o.Names) == 0 || o.Text == "" || o.Value == nil {
			return missing(fmt.Sprintf("option %v has no name, text or value", o.Names))
		}
		for _, name := range o.Names {
			if seen[name] {
				return missing("option " + Dashed(name) + " appears twice")
			}
			seen[name] = true
		}
	}
	for _, name := range a.related() {
		if !seen[name] {
			return missing("no option " + Dashed(name) + ", which Exclusive or Requires names")
		}
	}
	return nil
}
