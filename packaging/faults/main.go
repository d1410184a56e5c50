//go:build linux

// Command faults puts pidbox and its peers before the same faults, each in PID and mount namespaces of its own, and prints a
// table of who came through. It needs root.
//
// usage: faults [-out FILE] [-run REGEXP] PIDBOX
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("faults: ")
	out := flag.String("out", "", "write the table to `FILE`")
	only := flag.String("run", ".", "only the faults that match `REGEXP`")
	cell := flag.String("cell", "", "internal: judge one fault, as the first process of its namespace")
	with := flag.String("with", "", "internal: by this tool")
	flag.Parse()
	if fixture := os.Getenv("FAULTS_FIXTURE"); fixture != "" {
		runFixture(fixture)
		return
	}
	match, err := regexp.Compile(*only)
	if err != nil || flag.NArg() != 1 {
		log.Fatalf("usage: faults [-out FILE] [-run REGEXP] PIDBOX %v", err)
	}
	pidbox, err := filepath.Abs(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	if *cell != "" && os.Getpid() == 1 {
		os.Exit(initOfNamespace())
	}
	if *cell != "" {
		fmt.Println(judge(*cell, *with, pidbox))
		return
	}
	if os.Geteuid() != 0 {
		log.Fatal("needs root, for namespaces of its own")
	}
	table, failed := run(match, pidbox)
	if *out != "" {
		if err := os.WriteFile(*out, []byte(table), 0o644); err != nil {
			log.Fatal(err)
		}
	}
	if failed > 0 {
		log.Fatalf("pidbox fails in %d rows", failed)
	}
}

// run judges every cell and is the table in Markdown, with the count of rows in which pidbox fails.
func run(match *regexp.Regexp, pidbox string) (table string, failed int) {
	tools := tools(pidbox)
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
		for i, t := range tools {
			verdict := "–"
			if f.asks(t) && t.there() {
				verdict = isolated(f.name, t.name, pidbox)
			}
			fmt.Printf("%-60s %-28s %s\n", f.name, t.name, verdict)
			if i == 0 && verdict != "ok" {
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
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-cell", fault, "-with", tool, pidbox)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Sprintf("FAIL: no end within %v", patience)
	}
	if err != nil {
		return fmt.Sprintf("FAIL: %v: %s", err, lastLine(errs.String()))
	}
	return lastLine(out.String())
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// judge gives the namespace a /run and the applets, and runs the fault against the tool.
func judge(name, with, pidbox string) string {
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		{"tmpfs", "/run", "tmpfs", 0, "mode=755"},
	} {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Sprintf("FAIL: mount %s: %v", m.target, err)
		}
	}
	if err := os.MkdirAll("/run/bin", 0o755); err != nil {
		return "FAIL: " + err.Error()
	}
	if out, err := exec.Command(pidbox, "--install", "/run/bin").CombinedOutput(); err != nil {
		return fmt.Sprintf("FAIL: %v: %s", err, out)
	}
	for _, f := range faults() {
		for _, t := range tools(pidbox) {
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

// initOfNamespace runs the judge as its child and reaps orphans at once, as an init does.
func initOfNamespace() int {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		log.Fatal(err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		log.Fatal(err)
	}
	judge := exec.Command("/proc/self/exe", os.Args[1:]...)
	judge.Stdout, judge.Stderr = os.Stdout, os.Stderr
	if err := judge.Start(); err != nil {
		log.Fatal(err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			log.Fatal(err)
		case pid == judge.Process.Pid && status.Signaled():
			fmt.Println("FAIL: the tool killed everything in its reach, the judge too")
			return 0
		case pid == judge.Process.Pid:
			return status.ExitStatus()
		}
	}
}
