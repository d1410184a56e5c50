//go:build linux && !pidbox_some

package testscripts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pidbox/applets"
	"pidbox/lib/manual"
)

// purged are the words that the head comment of applet.Call.Say purges, and the turns that a reader had to read twice.
var purged = regexp.MustCompile(`(?i)\b(some|no|every|any)body\b|\bwhom\b|\bso many\b|\bat last\b|\blikewise\b|\bmeanwhile\b|` +
	`\blets? go of\b|\btold\b|\bprocess (number|id)\b|\bexchanged?\b|\bno time\b|\bgoes? with\b|\bexclude each other\b|` +
	`\bis none of\b|\bis there twice\b|\bto be had\b|\bcan be had\b|\bhas ended\b|\bis no [a-z]+ of\b|\bare not well\b`)

// allowed are phrases in which such a word is meant.
var allowed = regexp.MustCompile(`no time to ask|no time of (change|their own)`)

// disagrees is a number and a plural, which would be said of one as well; limits are numbers that are never one.
var (
	disagrees = regexp.MustCompile(`%d [a-z]*[a-rt-z]s\b`)
	limits    = regexp.MustCompile(`(process|control group of|at least|than the|one of|of|kill|line|load|than|sockets?|rounds|below|rate of|flip of|cut of|has) %d|, %d values|\.\.\. %d members|%d (has |is |tries|pids were|bytes of arguments|bytes are free|checks failed)|process\(es\)`)
)

// TestWording holds the help and the pages to the words of the head comment of applet.Call.Say, as far as a machine can.
func TestWording(t *testing.T) {
	for _, entry := range applets.List() {
		a := entry.New()
		page := manual.Page(a, manual.Edition{Version: "1", Date: "January 1, 2026"})
		for line := range strings.Lines(page + manual.Help(a)) {
			plain := allowed.ReplaceAllString(strings.NewReplacer(`\fI`, "", `\fB`, "", `\fR`, "").Replace(line), "")
			if found := purged.FindString(plain); found != "" {
				t.Errorf("%s: %q in %q", a.Name, found, strings.TrimSpace(line))
			}
		}
	}
}

// TestWordingOfMessages holds every message to them: each text of the program that is more than a word.
func TestWordingOfMessages(t *testing.T) {
	count := 0
	for _, root := range []string{"../applets", "../lib"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return literals(path, func(at, text string) {
				if !strings.Contains(text, " ") {
					return
				}
				count++
				if disagrees.MatchString(text) && !limits.MatchString(text) {
					t.Errorf("%s: one of them would be plural in %q: say it as \"things: %%d\", or use Count", at, text)
				}
				if found := purged.FindString(allowed.ReplaceAllString(text, "")); found != "" {
					t.Errorf("%s: %q in %q", at, found, text)
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d texts", count)
}

// literals visits the texts of a file, without those of its comments, tags and imports.
func literals(path string, visit func(at, text string)) error {
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			n.Tag = nil
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				visit(set.Position(n.Pos()).String(), text)
			}
		}
		return true
	})
	return nil
}
