//go:build linux

package main

import (
	"os/exec"
)

const head = `# What a command leaves behind, beside other tools

A command starts a child that tries to stay behind, in ten ways, under pid-bound and its peers: measured by one command, ` + "`make\nescapes`" + `.
Each cell has three signs: what is left when the command itself exits, when the tool gets TERM, and when it gets KILL. A
point is nothing, an x a survivor after a second. systemd-run was given a systemd of its own, in a container.

A tool that is not meant to end descendants is no worse for an x; the table is for who has to choose.

`

type escape struct{ name, script string }

func escapes() []escape {
	return []escape{
		{"child", "sleep 301 & touch ready"},
		{"nohup", "nohup sleep 301 >/dev/null 2>&1 & touch ready"},
		{"ignores TERM", "(trap '' TERM HUP INT; touch ready; exec sleep 301) &"},
		{"stopped", "sh -c 'touch ready; kill -STOP $$' &"},
		{"group of its own", "perl -e 'setpgrp; exec qw(sh -c), q(touch ready; exec sleep 301)' &"},
		{"session of its own", "setsid sh -c 'touch ready; exec sleep 301' &"},
		{"double fork", "(sleep 301 & touch ready)"},
		{"daemon", "(setsid sh -c '(cd /; sleep 301 >/dev/null 2>&1 </dev/null &) ; touch ready')"},
		{"tmux", "tmux -S socket -f /dev/null new-session -d 'touch ready; exec sleep 301'"},
		{"forks for ever", "f() { sleep 0.01; f & }; f; touch ready"},
	}
}

type tool struct {
	name    string
	args    []string
	systemd bool   // it needs one
	cannot  string // why it is not measured
}

func tools(pidbox string) []tool {
	bound := func(scope string) tool {
		return tool{name: "pid-bound --scope " + scope, args: []string{pidbox, "pid-bound", "-q", "--grace", "0.2", "--scope", scope}}
	}
	all := []tool{
		bound("cgroup"), bound("namespace"), bound("tree"),
		{name: "no tool", args: []string{"env"}},
		{name: "timeout", args: []string{"timeout", "-k", "0.2", "60"}},
		{name: "tini -s -g", args: []string{"tini", "-s", "-g", "--"}},
		{name: "prlimit", args: []string{"prlimit", "--nproc=10000"}},
		{name: "setpriv --pdeathsig", args: []string{"setpriv", "--pdeathsig", "KILL"}},
		{name: "unshare --kill-child", args: []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}},
		{name: "sh and waitpid", args: []string{"sh", "-c", `"$@" & exec waitpid $!`, "sh"}},
		{name: "systemd-run --scope", args: []string{"systemd-run", "--quiet", "--scope"}, systemd: true},
		{name: "systemd-run --wait", args: []string{"systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--same-dir", "-E", mark}, systemd: true},
	}
	if _, err := exec.LookPath("waitpid"); err != nil { // util-linux 2.39 and later
		all[len(all)-3].cannot = "not measured: there is no waitpid here"
	}
	return all
}
