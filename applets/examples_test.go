//go:build !pidbox_some

package applets

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pidbox/lib/applet"
)

// TestExamplesUseOptionsThatExist reads every command line of ours in the README, the examples and the descriptions.
func TestExamplesUseOptionsThatExist(t *testing.T) {
	byName := map[string]*applet.Applet{}
	texts := map[string]string{}
	for _, a := range everything() {
		byName[a.Name] = a
		for _, e := range a.Examples {
			texts["the examples of "+a.Name] += strings.Join(e.Lines, "\n") + "\n"
		}
	}
	for _, pattern := range []string{"../README.md", "../packaging/docs/*.md", "../packaging/demo", "../packaging/examples/*", "../packaging/bosh/jobs/*/templates/*"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if filepath.Base(path) == "as-typed.md" { // what is wrong is its subject
				continue
			}
			if info, err := os.Stat(path); err == nil && info.IsDir() { // a program
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(text)
		}
	}
	completed := regexp.MustCompile(`[^ \n]*<Tab>`) // is no option yet
	command := regexp.MustCompile("(?m)(^|[ \t`])([a-z][a-z-]*[a-z])( [^`|;&\n]*)")
	for where, text := range texts {
		text = completed.ReplaceAllString(strings.ReplaceAll(text, "\\\n", " "), "")
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			if a := byName[m[2]]; a != nil && !a.Raw {
				if bad := unknownIn(a, strings.Fields(m[3])); bad != "" {
					t.Errorf("%s: %s has no option %s: %s", where, a.Name, bad, strings.TrimSpace(m[0]))
				}
			}
		}
	}
}

// unknownIn is the first of the words before the operands that is no option of a, or "".
func unknownIn(a *applet.Applet, words []string) string {
	options := a.All(new(applet.Common))
	for i := 0; i < len(words) && strings.HasPrefix(words[i], "-") && words[i] != "--"; i++ {
		name, _, given := strings.Cut(strings.TrimLeft(words[i], "-"), "=")
		o := applet.Find(options, name)
		switch {
		case o == nil:
			return words[i]
		case o.TakesValue() && !given:
			i++
		}
	}
	return ""
}
