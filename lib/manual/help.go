// Package manual renders an applet's description as its help, its mdoc(7) page, its completions for bash, zsh
// and fish, and its rows in the README: one source, so that none of them can drift from the others.
package manual

import (
	"strings"

	"pidbox/lib/applet"
)

const (
	width  = 79 // columns of the help
	indent = 26 // where the meaning of an option begins
)

// Help is what --help prints: usage, options, exit statuses and the first example.
func Help(a *applet.Applet) string {
	var b strings.Builder
	b.WriteString(hang(a.Name+": ", a.Summary, 4) + "\n")
	for i, form := range a.Synopsis {
		lead := "usage: " + a.Name + " "
		if i > 0 {
			lead = "       " + a.Name + " "
		}
		b.WriteString(fill(lead, groups(form), len("usage: ")+len(a.Name)+1))
	}
	if len(a.Commands) > 0 {
		b.WriteString("\ncommands:\n")
		for _, c := range a.Commands {
			b.WriteString(entry(2, c.Name, c.Text, 20))
		}
	}
	if options := a.All(new(applet.Common)); len(options) > 0 {
		b.WriteString("\noptions:\n")
		for _, o := range options {
			text := o.Text
			if o.Repeat {
				text += "; may be repeated"
			}
			b.WriteString(entry(2, spelling(o), text, indent))
		}
		for i, clause := range a.Relations() {
			if i == 0 {
				b.WriteString("\n")
			}
			b.WriteString(hang("  ", clause, 4))
		}
	}
	b.WriteString("\nexit status:\n")
	for _, s := range a.Statuses {
		b.WriteString(entry(2, s.Name, s.Text, 9))
	}
	for _, e := range a.Examples[:min(1, len(a.Examples))] {
		b.WriteString("\nexample:\n" + hang("  # ", e.Text, 4))
		for _, line := range e.Lines {
			b.WriteString(strings.TrimRight("  "+line, " ") + "\n")
		}
	}
	return b.String()
}

// spelling is all an option's names, the letters first, and its value: -p, --pid-file, --pidfile FILE.
func spelling(o applet.Option) string {
	var short, long []string
	for _, name := range o.Names {
		if len(name) == 1 {
			short = append(short, "-"+name)
		} else {
			long = append(long, "--"+name)
		}
	}
	text := strings.Join(append(short, long...), ", ")
	switch {
	case o.Optional:
		return text + "[=" + o.Arg + "]"
	case o.Arg != "":
		return text + " " + o.Arg
	}
	return text
}

// entry is a term and its meaning, which begins at column at, on a line of its own where the term reaches there.
func entry(margin int, term, text string, at int) string {
	lead := strings.Repeat(" ", margin) + term
	if len(lead)+2 > at {
		return lead + "\n" + hang(strings.Repeat(" ", at), text, at)
	}
	return hang(lead+strings.Repeat(" ", at-len(lead)), text, at)
}

// hang is lead and text, filled to the width, later lines beginning at column at.
func hang(lead, text string, at int) string { return fill(lead, strings.Fields(text), at) }

func fill(lead string, words []string, at int) string {
	var b strings.Builder
	line := lead
	for i, word := range words {
		switch {
		case i == 0:
			line += word
		case len(line)+1+len(word) > width:
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", at) + word
		default:
			line += " " + word
		}
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}

// groups are the parts of a usage that no line end may separate: [-u USER] is one, and so is --pid PID.
func groups(form string) []string {
	var all []string
	depth := 0
	joined := false // the word before takes this one
	for _, word := range strings.Fields(form) {
		if depth > 0 || joined && !strings.HasPrefix(word, "[") && !strings.HasPrefix(word, "-") {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
		}
		joined = depth == 0 && strings.HasPrefix(word, "-") && word != "--"
		depth += strings.Count(word, "[") - strings.Count(word, "]")
	}
	return all
}
