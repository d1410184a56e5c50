package applet

import (
	"fmt"
	"strings"
)

// Need is an option that means nothing unless at least one of others is given too; all by their long names.
type Need struct {
	Option string
	OneOf  []string
}

// Related refuses what the call's options say against each other, by Exclusive and Requires.
func (a *Applet) Related(c *Call) error {
	for _, group := range a.Exclusive {
		first := ""
		for _, name := range group {
			switch {
			case !c.Given(name):
			case first != "":
				return Usage("%s cannot be combined with %s", Dashed(first), Dashed(name))
			default:
				first = name
			}
		}
	}
	for _, need := range a.Requires {
		if c.Given(need.Option) && !need.met(c) {
			return Usage("%s", need)
		}
	}
	return nil
}

func (n Need) met(c *Call) bool {
	for _, name := range n.OneOf {
		if c.Given(name) {
			return true
		}
	}
	return false
}

// String is a clause: --key needs --cert.
func (n Need) String() string {
	if len(n.OneOf) == 1 {
		return fmt.Sprintf("%s needs %s", Dashed(n.Option), Dashed(n.OneOf[0]))
	}
	return fmt.Sprintf("%s needs one of %s", Dashed(n.Option), strings.Join(dashed(n.OneOf), ", "))
}

// Relations is Exclusive and Requires in words, a clause each, for the help and the manual page. Pairs that begin with the
// same option share a clause.
func (a *Applet) Relations() []string {
	var all []string
	for i := 0; i < len(a.Exclusive); i++ {
		group := a.Exclusive[i]
		if len(group) > 2 {
			all = append(all, "at most one of "+list(group, "and")+" can be given")
			continue
		}
		with := group[1:2:2]
		for i+1 < len(a.Exclusive) && len(a.Exclusive[i+1]) == 2 && a.Exclusive[i+1][0] == group[0] {
			i++
			with = append(with, a.Exclusive[i][1])
		}
		all = append(all, Dashed(group[0])+" cannot be combined with "+list(with, "or"))
	}
	for _, need := range a.Requires {
		all = append(all, need.String())
	}
	return all
}

// Others is the options that exclude the one with that name.
func (a *Applet) Others(name string) []string {
	var all []string
	for _, group := range a.Exclusive {
		for _, member := range group {
			if member != name {
				continue
			}
			for _, other := range group {
				if other != name {
					all = append(all, other)
				}
			}
		}
	}
	return all
}

// related is every option that Exclusive and Requires name.
func (a *Applet) related() []string {
	var all []string
	for _, group := range a.Exclusive {
		all = append(all, group...)
	}
	for _, need := range a.Requires {
		all = append(append(all, need.Option), need.OneOf...)
	}
	return all
}

func dashed(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = Dashed(name)
	}
	return all
}

// list is names as a person lists them: --a, --b and --c.
func list(names []string, and string) string {
	all := dashed(names)
	if len(all) == 1 {
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " " + and + " " + all[len(all)-1]
}

// Paragraphs splits a text at its blank lines, each paragraph made one line.
func Paragraphs(text string) []string {
	var all []string
	var words []string
	for line := range strings.Lines(text + "\n\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 && len(words) > 0 {
			all, words = append(all, strings.Join(words, " ")), nil
		}
		words = append(words, fields...)
	}
	return all
}
