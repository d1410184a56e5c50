//go:build linux

// Command escapes runs commands whose children try to stay behind, under pid-bound and its peers, and counts what is left
// when the command exits, when the tool gets TERM, and when it gets KILL. It writes that as a page.
//
// usage: escapes [-out FILE] [-systemd ROOT] PIDBOX     (root, for PID namespaces)
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pidbox/testscripts/lab"
)

const (
	mark     = "PIDBOX_ESCAPE" // what every process of a run inherits
	patience = time.Second     // for what is to end after the tool
)

func main() {
	inside := lab.Enter()
	log.SetFlags(0)
	log.SetPrefix("escapes: ")
	out := flag.String("out", "", "write the page to `FILE`")
	root := flag.String("systemd", "", "measure what needs a systemd under that of a Debian in the directory `ROOT`, in a container")
	rows := flag.String("rows", "", "what was measured under systemd is in `FILE`")
	here := flag.Bool("here", false, "measure what needs a systemd under the one that runs here")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: escapes [-out FILE] [-systemd ROOT] PIDBOX")
	}
	pidbox, err := filepath.Abs(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	if *here {
		os.Stdout.WriteString(table(pidbox, func(t tool) bool { return t.systemd }, sweepSome))
		return
	}
	args := os.Args[1:]
	if !inside && *root != "" {
		file, err := booted(*root, pidbox)
		if err != nil {
			log.Fatal(err)
		}
		args = append([]string{"-rows", file}, args...)
	}
	if !inside { // a KILL of all others spares the first process of a namespace
		cmd := lab.Again(args...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := lab.Run(cmd); err != nil {
			log.Fatal(err)
		}
		return
	}
	page := measure(pidbox, *rows)
	os.Stdout.Write(page)
	if *out != "" {
		if err := os.WriteFile(*out, page, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// measure writes the page; what was measured under systemd is in a file, "" for not at all.
func measure(pidbox, rows string) []byte {
	var page bytes.Buffer
	page.WriteString(head)
	page.WriteString("| tool |")
	for _, e := range escapes() {
		fmt.Fprintf(&page, " %s |", e.name)
	}
	page.WriteString("\n|---|" + strings.Repeat("---|", len(escapes())) + "\n")
	page.WriteString(table(pidbox, func(t tool) bool { return !t.systemd }, sweep))
	if text, err := os.ReadFile(rows); err == nil {
		page.Write(text)
	} else {
		fmt.Fprintf(&page, "| systemd-run | not measured: there is no systemd here |%s\n", strings.Repeat(" |", len(escapes())-1))
	}
	page.WriteString("\n## The escapes\n\n")
	for _, e := range escapes() {
		fmt.Fprintf(&page, "- %s: `%s`\n", e.name, e.script)
	}
	return page.Bytes()
}

// table is the rows of some tools.
func table(pidbox string, some func(tool) bool, sweep func(id string)) string {
	dir, err := os.MkdirTemp("", "pidbox-escapes-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var rows strings.Builder
	for _, t := range tools(pidbox) {
		if !some(t) {
			continue
		}
		fmt.Fprintf(&rows, "| %s |", t.name)
		path, err := exec.LookPath(t.args[0])
		for i, e := range escapes() {
			switch {
			case t.cannot != "" && i == 0:
				fmt.Fprintf(&rows, " %s |", t.cannot)
			case t.cannot != "", err != nil:
				rows.WriteString(" |")
			default:
				cell := ""
				for _, how := range []string{"exits", "TERM", "KILL"} {
					cell += round(path, t.args[1:], e.script, how, filepath.Join(dir, "run"), sweep)
				}
				fmt.Fprintf(&rows, " %s |", cell)
			}
		}
		rows.WriteString("\n")
	}
	return rows.String()
}

// round is one run: a point for nothing left, an x for a survivor.
func round(tool string, args []string, escape, how, dir string, sweep func(id string)) string {
	os.RemoveAll(dir)
	if err := os.Mkdir(dir, 0o777); err != nil {
		log.Fatal(err)
	}
	id := fmt.Sprintf("%s=%d", mark, time.Now().UnixNano())
	script := escape + "\nuntil test -e ready; do :; done; "
	if how != "exits" {
		script += "touch up; exec sleep 300"
	}
	cmd := exec.Command(tool, append(args, "sh", "-c", script)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), id)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	if how != "exits" {
		up := filepath.Join(dir, "up")
		for end := time.Now().Add(10 * patience); !exists(up); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				log.Fatalf("%s under %s did not begin", escape, tool)
			}
		}
		sig := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[how]
		syscall.Kill(cmd.Process.Pid, sig)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(5 * patience):
	}
	verdict := "·"
	for end, empty := time.Now().Add(patience), 0; empty < 3; time.Sleep(10 * time.Millisecond) {
		if empty++; len(left(id)) > 0 {
			empty = 0 // one that forks and exits may be missed once
		}
		if empty == 0 && time.Now().After(end) {
			verdict = "x"
			break
		}
	}
	sweep(id)
	return verdict
}

// sweep ends what is left: all but the callers of this program are of the run, and kill(2) misses none that forks.
func sweep(id string) {
	for len(left(id)) > 0 {
		syscall.Kill(-1, syscall.SIGKILL) // but init and this process
	}
}

// sweepSome is sweep where there are others: what forks is outrun by killing all that are found at once, again and again.
func sweepSome(id string) {
	for pids := left(id); len(pids) > 0; pids = left(id) {
		for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
			for _, pid := range pids {
				syscall.Kill(pid, sig)
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// left are the processes of a run that have not exited.
func left(id string) (pids []int) {
	for _, pid := range lab.PIDs() {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && bytes.Contains(environ, []byte(id+"\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}
