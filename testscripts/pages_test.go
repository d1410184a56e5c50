//go:build linux && !pidbox_some

package testscripts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pidbox/applets"
	"pidbox/lib/multicall"
)

// TestExamplesOfPages runs each example of the manual pages and of the documents by its line in testdata/examples, and finds the
// examples that have none there, and the lines that are no example's.
func TestExamplesOfPages(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mount and network namespaces need root")
	}
	tools(t, "unshare", "ip", "busybox", "curl")
	t.Parallel()
	bin := t.TempDir()
	sh(t, "", "env", "DESTDIR="+bin, "PREFIX=/", abs(t, "../packaging/install"), built(t))
	found := pageExamples(t)
	for line := range strings.Lines(read(t, "testdata/examples")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.SplitN(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "|"), " | ", 4)
		if len(cells) != 4 {
			t.Fatalf("not four cells: %s", line)
		}
		key, how, with := cells[0]+" | "+cells[1], cells[2], cells[3]
		text, is := found[key]
		if delete(found, key); !is {
			t.Errorf("no page has the example %s", key)
			continue
		}
		if how == "not" {
			continue
		}
		t.Run(key, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "example")
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			example(t, bin+"/bin", "one_example.sh", "EXAMPLE="+file, "HOW="+how, "WITH="+with)
		})
	}
	for key := range found {
		t.Errorf("testdata/examples has no line for %s", key)
	}
}

// pageExamples are the texts of all examples that testdata/examples is to name, by page and first line.
func pageExamples(t *testing.T) map[string]string {
	all := map[string]string{}
	add := func(page string, lines []string) {
		all[page+" | "+lines[0]] = strings.Join(lines, "\n") + "\n"
	}
	for _, e := range multicall.Self(applets.List()).Examples {
		add("pidbox(1)", e.Lines)
	}
	for _, entry := range applets.List() {
		for _, e := range entry.New().Examples {
			add(entry.Name+"(1)", e.Lines)
		}
	}
	for _, path := range append(glob(t, "../packaging/docs/*.md"), "../README.md", "../packaging/CONTRIBUTING.md") {
		page := strings.TrimPrefix(strings.TrimPrefix(path, "../"), "packaging/")
		if page == "docs/newcomer.md" || page == "docs/init-scripts.md" { // transcripts that test-newcomer and test-dropins write
			continue
		}
		for _, lines := range unrunBlocks(read(t, path)) {
			add(page, lines)
		}
	}
	return all
}

// unrunBlocks are the examples of a document that are indented, or fenced as something other than sh: a fence that follows one of sh
// is what that prints, and one between "begin file" and "end file" is a file that has tests of its own.
func unrunBlocks(text string) (blocks [][]string) {
	var block []string
	indent, fence, was, file := -1, "", "", false
	flush := func() {
		if len(block) > 0 {
			blocks = append(blocks, block)
		}
		block, indent = nil, -1
	}
	list := 0 // how far the text of a list is indented
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		depth := len(line) - len(trimmed)
		switch {
		case fence != "":
			if line == "```" {
				if was = fence; fence == "other" {
					flush()
				}
				fence = ""
			} else if fence == "other" {
				block = append(block, line)
			}
		case strings.HasPrefix(line, "```"):
			switch {
			case line == "```sh", file, line == "```" && was == "sh":
				fence = strings.TrimPrefix(strings.Replace(line, "```", "", 1), " ")
				if fence == "" {
					fence = "output"
				}
			default:
				fence = "other"
			}
		case strings.HasPrefix(trimmed, "<!-- begin file"):
			file = true
		case strings.HasPrefix(trimmed, "<!-- end file"):
			file = false
		case trimmed == "":
			flush()
		case depth >= list+4 && (indent < 0 || depth >= indent) && (indent >= 0 || len(block) == 0):
			if indent < 0 {
				indent = depth
			}
			block = append(block, line[indent:])
		default:
			flush()
			was = ""
			if depth == 0 {
				list = 0
			}
			if mark, _, is := strings.Cut(trimmed, " "); is && (mark == "-" || strings.HasSuffix(mark, ".") && strings.Trim(mark, "0123456789.") == "") {
				list = depth + len(mark) + 1
			}
		}
	}
	flush()
	return blocks
}
