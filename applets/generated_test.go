//go:build !pidbox_some

package applets

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/manual"
	"pidbox/lib/multicall"
)

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

// everything is the applets and pidbox itself.
func everything() []*applet.Applet {
	all := []*applet.Applet{multicall.Self(List())}
	for _, e := range List() {
		all = append(all, e.New())
	}
	return all
}

// edition is the version and the date at the head of the changes.
func edition(t *testing.T) manual.Edition {
	t.Helper()
	text, err := os.ReadFile("../packaging/CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## ")
	version, rest, _ := strings.Cut(rest, ", ")
	date, _, _ := strings.Cut(rest, "\n")
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatalf("the changes do not begin with ## VERSION, DATE: %v", err)
	}
	return manual.Edition{Version: version, Date: day.Format("January 2, 2006")}
}

// measured is the tables that make bench and make faults have left, and the chart of the first; what was not measured yet
// is empty.
func measured(t *testing.T) map[string]string {
	t.Helper()
	tables := map[string]string{}
	for name, chart := range map[string]string{"bench": "testscripts/bench/results.svg", "faults": ""} {
		text, err := os.ReadFile("../testscripts/" + name + "/results.md")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		tables[name] = string(text)
		if _, err := os.Stat("../" + chart); chart != "" && err == nil {
			tables[name] += "\n![medians of pidbox and of the others, operation by operation](../../" + chart + ")\n"
		}
	}
	return tables
}

// documents is the README and the pages of packaging/docs with their marked parts made anew.
func documents(t *testing.T) map[string]string {
	t.Helper()
	parts := manual.Parts(everything()[1:])
	maps.Copy(parts, measured(t))
	parts["foreign"] = migration(List())
	parts["plan"] = planTables(t)
	parts["variables"] = variableTable()
	used := map[string]bool{}
	part := func(name string) (string, error) {
		used[name] = true
		if path, ok := strings.CutPrefix(name, "file "); ok {
			text, err := os.ReadFile("../" + path)
			language := map[bool]string{true: "sh"}[strings.HasPrefix(string(text), "#!/bin/sh\n")]
			return "```" + language + "\n" + string(text) + "```\n", err
		}
		text, ok := parts[name]
		if !ok {
			return "", fmt.Errorf("nothing is called %q", name)
		}
		return text, nil
	}
	pages, _ := filepath.Glob("../packaging/docs/*.md")
	files := map[string]string{}
	for _, path := range append(pages, "../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if files[path], err = manual.Document(string(text), part); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	for name := range parts {
		if !used[name] {
			t.Errorf("no page has the part %q", name)
		}
	}
	return files
}

// writtenPages are the pages that are written by hand: their edition and their table of statuses are made.
func writtenPages(t *testing.T) map[string]string {
	t.Helper()
	e := edition(t)
	head := regexp.MustCompile(`(?m)^\.(Dd|Os) .*$`)
	table := regexp.MustCompile(`(?s)(\.\\" begin statuses\n).*(\.\\" end statuses\n)`)
	var statuses strings.Builder
	for _, m := range applet.Meanings() {
		fmt.Fprintf(&statuses, ".It %s\n%s\n", m.Name, m.Text)
	}
	pages := map[string]string{}
	paths, _ := filepath.Glob("../packaging/man/pidbox-*.[57]")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		made := head.ReplaceAllStringFunc(string(text), func(line string) string {
			return map[bool]string{true: ".Dd " + e.Date, false: ".Os pidbox " + e.Version}[strings.HasPrefix(line, ".Dd")]
		})
		pages[path] = table.ReplaceAllString(made, "${1}"+statuses.String()+"${2}")
	}
	return pages
}

// TestUpToDate compares the generated files with what is to be generated; make generate writes them.
func TestUpToDate(t *testing.T) {
	files := map[string]string{}
	for path, text := range manual.Files(everything(), edition(t)) {
		files[filepath.Join("../packaging", path)] = text
	}
	maps.Copy(files, documents(t))
	files["../packaging/man/fault-tester.5"] = planPage(t, edition(t))
	maps.Copy(files, writtenPages(t))
	for _, pattern := range []string{"../packaging/man/*", "../packaging/completions/*"} {
		there, _ := filepath.Glob(pattern)
		for _, path := range there {
			if _, ok := files[path]; !ok && *update {
				os.Remove(path)
			} else if !ok {
				t.Errorf("%s belongs to no applet: run make generate", path)
			}
		}
	}
	for path, want := range files {
		got, _ := os.ReadFile(path)
		switch {
		case string(got) == want:
		case !*update:
			t.Errorf("%s is out of date: run make generate", path)
		default:
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGeneratedFilesAreWellFormed asks the programs that will read them.
func TestGeneratedFilesAreWellFormed(t *testing.T) {
	dir := t.TempDir()
	readers := map[string][]string{
		".5":    {"mandoc -Tlint -Wwarning", "man --warnings=w,all -l"},
		".7":    {"mandoc -Tlint -Wwarning", "man --warnings=w,all -l"},
		".1":    {"mandoc -Tlint -Wwarning", "man --warnings=w,all -l"},
		".bash": {"bash -n"},
		".fish": {"fish -n"},
		"":      {"zsh -n"},
	}
	files := manual.Files(everything(), edition(t))
	maps.Copy(files, writtenPages(t))
	for path, text := range files {
		file := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, reader := range readers[filepath.Ext(path)] {
			words := append(strings.Fields(reader), file)
			if _, err := exec.LookPath(words[0]); err != nil {
				t.Logf("%s is not here", words[0])
				continue
			}
			cmd := exec.Command(words[0], words[1:]...)
			cmd.Env = append(os.Environ(), "MANPAGER=cat", "LC_ALL=C.UTF-8", "HOME="+dir)
			var complaints bytes.Buffer
			cmd.Stderr = &complaints
			if words[0] == "mandoc" {
				cmd.Stdout = &complaints
			}
			if err := cmd.Run(); err != nil || complaints.Len() > 0 {
				t.Errorf("%s: %v\n%s", strings.Join(words, " "), err, &complaints)
			}
		}
	}
}
