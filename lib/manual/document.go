//go:build !pidbox_some

package manual

import (
	"fmt"
	"slices"
	"strings"

	"pidbox/lib/applet"
)

// Files is everything that is generated from the applets, by path under packaging/.
func Files(all []*applet.Applet, e Edition) map[string]string {
	files := map[string]string{}
	for _, a := range all {
		files["man/"+a.Name+".1"] = Page(a, e)
		files["completions/"+a.Name+".bash"] = Bash(a)
		files["completions/_"+a.Name] = Zsh(a)
		files["completions/"+a.Name+".fish"] = Fish(a)
	}
	return files
}

// Document is a page with its marked parts made anew; a part stands between <!-- begin NAME --> and <!-- end NAME -->. part
// gives the text of each, or an error for a name that it does not know.
func Document(text string, part func(name string) (string, error)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "<!-- begin ")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, rest, _ := strings.Cut(rest, " -->\n")
		end := "<!-- end " + name + " -->"
		_, after, ended := strings.Cut(rest, end)
		if !ended {
			return "", fmt.Errorf("the part %q has no end", name)
		}
		made, err := part(name)
		if err != nil {
			return "", err
		}
		b.WriteString("<!-- begin " + name + " -->\n" + made + end)
		text = after
	}
}

// Parts is what is made of the applets' descriptions for documents.
func Parts(all []*applet.Applet) map[string]string {
	return map[string]string{"applets": appletTable(all), "statuses": statusTable(all)}
}

func appletTable(all []*applet.Applet) string {
	var b strings.Builder
	b.WriteString("| applet | what it does |\n|---|---|\n")
	for _, a := range all {
		fmt.Fprintf(&b, "| [`%s`](packaging/man/%s.1) | %s |\n", a.Name, a.Name, markdown(a.Summary))
	}
	return b.String()
}

// statusTable is the table of all statuses, and what each means to the applets where its meaning does not say it.
func statusTable(all []*applet.Applet) string {
	var b strings.Builder
	b.WriteString("| status | meaning | in particular |\n|---|---|---|\n")
	for _, m := range applet.Meanings() {
		var uses []string
		plain := slices.Contains([]string{"64", "125", "126", "127"}, m.Name)
		for _, a := range all {
			for _, s := range a.Statuses {
				if s.Name == m.Name && !plain {
					uses = append(uses, fmt.Sprintf("`%s`: %s", a.Name, markdown(s.Text)))
				}
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.Name, m.Text, strings.Join(uses, "<br>"))
	}
	return b.String()
}

func markdown(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(oneLine(text))
}
