package manual

import (
	"fmt"
	"maps"
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

// Readme is the README with its marked parts made anew; a part stands between <!-- begin NAME --> and
// <!-- end NAME -->, NAME being applets, statuses, or one of those that were measured.
func Readme(text string, all []*applet.Applet, measured map[string]string) (string, error) {
	parts := map[string]string{"applets": appletTable(all), "statuses": statusTable(all)}
	maps.Copy(parts, measured)
	for name, table := range parts {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		_, after, ended := strings.Cut(rest, end)
		if !ok || !ended {
			return "", fmt.Errorf("no part %q is marked in the README", name)
		}
		text = before + begin + table + end + after
	}
	return text, nil
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
