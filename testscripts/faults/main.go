//go:build linux

// Command faults puts pidbox and its peers before the same faults, each in PID and mount namespaces of its own, and prints a
// table of who came through. It needs root.
//
// usage: faults [-out FILE] [-run REGEXP] [-by REGEXP] PIDBOX
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"pidbox/testscripts/lab"
)

func main() {
	inside := lab.Enter()
	log.SetFlags(0)
	log.SetPrefix("faults: ")
	out := flag.String("out", "", "write the table to `FILE`")
	only := flag.String("run", ".", "only the faults that match `REGEXP`")
	by := flag.String("by", ".", "only the tools that match `REGEXP`")
	cell := flag.String("cell", "", "internal: judge one fault, as the first process of its namespace")
	with := flag.String("with", "", "internal: by this tool")
	flag.Parse()
	match, err := regexp.Compile(*only)
	columns, e := regexp.Compile(*by)
	if err = errors.Join(err, e); err != nil || flag.NArg() != 1 {
		log.Fatalf("usage: faults [-out FILE] [-run REGEXP] [-by REGEXP] PIDBOX %v", err)
	}
	pidbox, err := filepath.Abs(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	if inside {
		fmt.Println(judge(*cell, *with, pidbox))
		return
	}
	if os.Geteuid() != 0 {
		log.Fatal("needs root, for namespaces of its own")
	}
	table, failed := run(match, columns, pidbox)
	if *out != "" {
		if err := os.WriteFile(*out, []byte(table), 0o644); err != nil {
			log.Fatal(err)
		}
	}
	if failed > 0 {
		log.Fatalf("pidbox fails in %d cells", failed)
	}
}

// run judges every cell and is the table in Markdown, with the count of cells in which pidbox fails.
func run(match, columns *regexp.Regexp, pidbox string) (table string, failed int) {
	tools := slices.DeleteFunc(tools(), func(t tool) bool { return !columns.MatchString(t.name) })
	var b strings.Builder
	b.WriteString("| fault |")
	for _, t := range tools {
		fmt.Fprintf(&b, " %s |", t.name)
	}
	fmt.Fprintf(&b, "\n|---%s|\n", strings.Repeat("|---", len(tools)))
	for _, f := range faults() {
		if !match.MatchString(f.name) {
			continue
		}
		fmt.Fprintf(&b, "| %s |", f.name)
		for _, t := range tools {
			verdict := "–"
			if f.asks(t) && t.there() {
				verdict = isolated(f.name, t.name, pidbox)
			}
			fmt.Printf("%-72s %-20s %s\n", f.name, t.name, verdict)
			if t.ours() && f.asks(t) && verdict != "ok" {
				failed++
			}
			if verdict != "ok" && verdict != "–" {
				verdict = "**FAIL**"
			}
			fmt.Fprintf(&b, " %s |", verdict)
		}
		b.WriteString("\n")
	}
	return b.String(), failed
}

const patience = 90 * time.Second

// isolated judges one cell as the init of new PID and mount namespaces, which end with it.
func isolated(fault, tool, pidbox string) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := lab.Isolated(ctx, false, "-cell", fault, "-with", tool, pidbox)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("FAIL: no end within %v", patience)
	case err != nil:
		return fmt.Sprintf("FAIL: %v", err)
	}
	return lastLine(out)
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// judge gives the namespace the applets, and runs the fault against the tool.
func judge(name, with, pidbox string) string {
	if _, err := lab.Install(pidbox, "/run/bin", "--drop-ins"); err != nil {
		return "FAIL: " + err.Error()
	}
	for _, f := range faults() {
		for _, t := range tools() {
			if f.name == name && t.name == with {
				if err := f.run(&scene{tool: t}); err != nil {
					return "FAIL: " + strings.ReplaceAll(err.Error(), "\n", "; ")
				}
				return "ok"
			}
		}
	}
	return "FAIL: no such fault or tool"
}
