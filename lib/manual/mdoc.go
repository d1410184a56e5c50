//go:build !pidbox_some

package manual

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"pidbox/lib/applet"
)

// Edition is what a page says of itself: the version, and its date as "November 22, 2026".
type Edition struct{ Version, Date string }

// Page is the manual page in mdoc(7), its sections in the order that mandoc(1) wants.
func Page(a *applet.Applet, e Edition) string {
	p := &page{names: map[string]bool{a.Name: true}}
	for _, ref := range a.SeeAlso {
		name, _, _ := strings.Cut(ref, "(")
		p.names[name] = true
	}
	p.line(".Dd " + e.Date)
	p.line(".Dt " + strings.ToUpper(a.Name) + " 1")
	p.line(".Os pidbox " + e.Version)
	p.section("NAME")
	p.line(".Nm " + a.Name)
	p.line(".Nd " + roff(a.Summary))
	p.section("SYNOPSIS")
	for _, form := range a.Synopsis {
		p.line(".Nm")
		if form != "" {
			p.line(synopsis(form))
		}
	}
	p.section("DESCRIPTION")
	p.paragraphs(a.Description)
	p.commands(a)
	p.options(a)
	if p.items("ENVIRONMENT", "Ev", a.Environment); len(a.Environment) == 0 {
		p.section("ENVIRONMENT")
		p.line("No variable changes what\n.Nm\ndoes.")
	}
	p.items("FILES", "Pa", a.Files)
	p.items("EXIT STATUS", "", a.Statuses)
	p.examples(a.Examples)
	p.seeAlso(a)
	p.section("CAVEATS")
	p.paragraphs(a.Caveats)
	return p.String()
}

type page struct {
	strings.Builder
	names map[string]bool // of commands, at whose hyphens no line is to be broken
}

func (p *page) line(text string)    { p.WriteString(text + "\n") }
func (p *page) section(name string) { p.line(".Sh " + name) }

// paragraphs are filled text, each sentence on a line of its own as mdoc(7) asks.
func (p *page) paragraphs(text string) {
	for i, text := range applet.Paragraphs(text) {
		if i > 0 {
			p.line(".Pp")
		}
		p.text(text)
	}
}

func (p *page) text(text string) {
	text = strings.Join(strings.Fields(text), " ")
	for _, end := range []string{". ", "? ", ": "} {
		text = strings.ReplaceAll(text, end, end[:1]+"\n")
	}
	for _, line := range strings.Split(text, "\n") {
		line = highlight(line)
		for name := range p.names {
			line = strings.ReplaceAll(line, name, roff(name))
		}
		p.line(line)
	}
}

func (p *page) commands(a *applet.Applet) {
	if len(a.Commands) == 0 {
		return
	}
	title := "COMMANDS"
	if a.Name == "pidbox" {
		title = "APPLETS"
	}
	p.items(title, "Cm", a.Commands)
}

func (p *page) options(a *applet.Applet) {
	all := a.All(new(applet.Common))
	if len(all) == 0 {
		return
	}
	p.section("OPTIONS")
	p.line(".Bl -tag -width Ds")
	for _, o := range all {
		p.line(".It " + optionMacro(o))
		if o.Repeat {
			o.Text += "; may be repeated"
		}
		p.text(o.Text)
		for _, d := range a.Details {
			if slices.Contains(o.Names, d.Name) {
				p.line(".Pp")
				p.text(oneLine(d.Text))
			}
		}
	}
	p.line(".El")
	for i, clause := range a.Relations() {
		if i == 0 {
			p.line(".Pp")
		} else {
			p.line(".br")
		}
		p.text(strings.ToUpper(clause[:1]) + clause[1:] + ".")
	}
}

func optionMacro(o applet.Option) string {
	var words []string
	for _, name := range strings.Split(spelling(applet.Option{Names: o.Names}), ", ") {
		words = append(words, "Fl "+roff(strings.TrimPrefix(name, "-")))
	}
	text := strings.Join(words, " , ")
	switch {
	case o.Optional:
		return text + " Ns Oo = Ns Ar " + roff(o.Arg) + " Oc"
	case o.Arg != "":
		return text + " Ar " + roff(o.Arg)
	}
	return text
}

func (p *page) items(title, macro string, items []applet.Item) {
	if len(items) == 0 {
		return
	}
	p.section(title)
	p.line(".Bl -tag -width Ds")
	for _, i := range items {
		p.line(strings.TrimRight(".It "+macro, " ") + " " + roff(i.Name))
		p.text(i.Text)
	}
	p.line(".El")
}

func (p *page) examples(all []applet.Example) {
	p.section("EXAMPLES")
	for i, e := range all {
		if i > 0 {
			p.line(".Pp")
		}
		p.text(e.Text)
		p.line(".Bd -literal -offset indent")
		for _, line := range e.Lines {
			p.line(roff(line))
		}
		p.line(".Ed")
	}
}

// seeAlso lists the pages, by section and name.
func (p *page) seeAlso(a *applet.Applet) {
	refs := append([]string(nil), a.SeeAlso...)
	if a.Name != "pidbox" {
		refs = append(refs, "pidbox(1)", "pidbox-syntax(7)")
	}
	if len(refs) == 0 {
		return
	}
	p.section("SEE ALSO")
	key := func(ref string) string {
		name, section, _ := strings.Cut(strings.TrimSuffix(ref, ")"), "(")
		return section + " " + name
	}
	sort.Slice(refs, func(i, j int) bool { return key(refs[i]) < key(refs[j]) })
	for i, ref := range refs {
		if i > 0 && ref == refs[i-1] {
			continue
		}
		section, name, _ := strings.Cut(key(ref), " ")
		comma := " ,"
		if i == len(refs)-1 {
			comma = ""
		}
		p.line(fmt.Sprintf(".Xr %s %s%s", roff(name), section, comma))
	}
}

// roff is text with nothing left that roff(7) would read as its own; a hyphen stays the ASCII one, to be copied.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// synopsis is a form with its options bold and its placeholders slanted.
func synopsis(form string) string {
	return mark(oneLine(form), `(?:^|[ \[|(])(-[a-zA-Z0-9-]+)|\b([A-Z][A-Z0-9]*)\b`, roff)
}

// highlight is prose with its options bold; hyphens and apostrophes inside words are those of prose.
func highlight(text string) string {
	inWord := regexp.MustCompile(`([A-Za-z])(\\-|\\\(aq)([A-Za-z])`)
	return mark(text, `(?:^|[ (,/'])(--[a-z0-9][a-z0-9-]*|-[a-zA-Z]\b)`, func(plain string) string {
		plain = roff(plain)
		for inWord.MatchString(plain) {
			plain = inWord.ReplaceAllStringFunc(plain, func(found string) string {
				return strings.NewReplacer(`\-`, "-", `\(aq`, "'").Replace(found)
			})
		}
		return plain
	})
}

// mark sets what the first group of pattern matches in bold, the second in italics, and passes the rest to plain.
func mark(text, pattern string, plain func(string) string) string {
	var b strings.Builder
	done := 0
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatchIndex(text, -1) {
		font, from, to := "B", m[2], m[3]
		if from < 0 {
			font, from, to = "I", m[4], m[5]
		}
		b.WriteString(plain(text[done:from]) + `\f` + font + roff(text[from:to]) + `\fR`)
		done = to
	}
	return b.String() + plain(text[done:])
}
