//go:build linux

package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// reason is why pidbox does something else than the program whose place it takes.
type reason struct {
	text    string
	applies func(c call, theirs, ours outcome) bool
}

func reasons() []reason {
	option := func(c call, names ...string) bool {
		return slices.ContainsFunc(c.Args, func(arg string) bool {
			name, _, _ := strings.Cut(arg, "=")
			return slices.Contains(names, name)
		})
	}
	spared := func(o outcome) bool { return !strings.Contains(o.Text, "it gets") }
	groups := regexp.MustCompile(`\[[0-9 ]*\]`)
	return []reason{
		{"BusyBox takes no such option, and prints its usage", func(_ call, theirs, _ outcome) bool {
			return theirs.Program == "busybox" && strings.Contains(theirs.Said, "unrecognized option")
		}},
		{"BusyBox starts the program in spite of `--test`", func(c call, theirs, ours outcome) bool {
			return theirs.Program == "busybox" && option(c, "--test", "-t") && strings.Contains(theirs.Text, "started") && !strings.Contains(ours.Text, "started")
		}},
		{"BusyBox ignores the schedule of `--retry`, and sends one signal", func(c call, theirs, ours outcome) bool {
			return theirs.Program == "busybox" && theirs.State == "running" && option(c, "--retry", "-R") && !spared(ours)
		}},
		{"a zombie does not run: there is nothing to stop, no reason not to start, and nothing to wait for", func(_ call, theirs, ours outcome) bool {
			return theirs.State == "zombie" && spared(ours)
		}},
		{"the process started after its pidfile was written, and the pidfile has no record: a doubt signals no process, and starts none", func(_ call, theirs, ours outcome) bool {
			return (theirs.State == "reused" || theirs.State == "stale") && strings.Contains(ours.Said, "cannot tell") && spared(ours)
		}},
		{"the pidfile is of a user who could not signal the process: it is refused", func(_ call, theirs, ours outcome) bool {
			return theirs.State == "foreign" && strings.Contains(ours.Said, "is owned by") && spared(ours)
		}},
		{"`--stop --test` of a process that is not there would signal none", func(c call, theirs, ours outcome) bool {
			return option(c, "--test", "-t") && theirs.State == "dead" && ours.Text == "1, pidfile as it was"
		}},
		{"what is not ready in time is stopped", func(c call, theirs, ours outcome) bool {
			return option(c, "--notify-await") && strings.HasPrefix(theirs.Text, "2, ") && strings.HasPrefix(ours.Text, "2, ") && !strings.Contains(ours.Text, "started")
		}},
		{"`--chuid` also gives the caller's own user the groups of that user", func(c call, theirs, ours outcome) bool {
			return option(c, "--chuid", "-c") && groups.ReplaceAllString(theirs.Text, "") == groups.ReplaceAllString(ours.Text, "") &&
				strings.Contains(ours.Text, " by 0:")
		}},
	}
}

// least is how many calls are asked for.
const least = 250

// judge compares the outcomes two by two, and counts what differs by its reason.
func judge(calls []call, outcomes [][]outcome, out string, update bool) error {
	type row struct {
		counts  map[string]int
		example string
		states  []string
	}
	all := reasons()
	rows := make([]row, len(all))
	total, same, unexplained := map[string]int{}, map[string]int{}, 0
	for i, c := range calls {
		for j := 0; j+1 < len(outcomes[i]); j += 2 {
			theirs, ours := outcomes[i][j], outcomes[i][j+1]
			total[theirs.Program]++
			if theirs.Text == ours.Text {
				same[theirs.Program]++
				continue
			}
			k := slices.IndexFunc(all, func(r reason) bool { return r.applies(c, theirs, ours) })
			if k < 0 {
				unexplained++
				fmt.Printf("%s: %q, %s:\n  %s: %s %q\n  pidbox: %s %q\n", c.Script, c.Args, theirs.State, theirs.Program, theirs.Text, theirs.Said, ours.Text, ours.Said)
				continue
			}
			r := &rows[k]
			if r.counts == nil {
				r.counts = map[string]int{}
				r.example = fmt.Sprintf("`%s`: %s; here %s", strings.Join(c.Args, " "), short(theirs.Text), short(ours.Text))
			}
			r.counts[theirs.Program]++
			if !slices.Contains(r.states, theirs.State) {
				r.states = append(r.states, theirs.State)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls out of %d scripts of %d packages, in %d states at most:\n\n", len(calls), count(calls, func(c call) string { return c.Script }),
		count(calls, func(c call) string { return c.Package }), len(states()))
	fmt.Fprintf(&b, "| beside | runs | same status and effect |\n|---|---|---|\n")
	for _, program := range []string{"dpkg", "busybox"} {
		fmt.Fprintf(&b, "| %s's | %d | %d |\n", map[string]string{"dpkg": "dpkg", "busybox": "BusyBox"}[program], total[program], same[program])
	}
	fmt.Fprintf(&b, "\n| why the others differ | states | dpkg's | BusyBox's | for example |\n|---|---|---|---|---|\n")
	for i, r := range rows {
		if r.counts != nil {
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %s |\n", all[i].text, strings.Join(r.states, ", "), r.counts["dpkg"], r.counts["busybox"], r.example)
		}
	}
	fmt.Print(b.String())
	if out != "" {
		text, err := os.ReadFile(out)
		if err != nil {
			return err
		}
		head, was, _ := strings.Cut(string(text), mark)
		now := "\n\n" + b.String()
		if update {
			err = os.WriteFile(out, []byte(head+mark+now), 0o644)
		} else if was != now {
			err = fmt.Errorf("%s says otherwise: -u writes it anew", out)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case unexplained > 0:
		return fmt.Errorf("%d differences have no reason", unexplained)
	case len(calls) < least:
		return fmt.Errorf("%d calls, fewer than %d", len(calls), least)
	}
	return nil
}

const mark = "<!-- the rest is written by testscripts/dropins -->"

// short is an outcome without what a started program found itself to be.
func short(text string) string {
	return regexp.MustCompile(`started .* by [0-9:]+\[[0-9 ]*\] in [^,]*(, umask [0-9]+)?(, nice -?[0-9]+)?(, home [^,]*)?(, leads a session)?(, streams of /dev/null)?`).ReplaceAllString(text, "started")
}
