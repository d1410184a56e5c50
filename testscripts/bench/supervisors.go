//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/testscripts/lab"
)

// supervisor starts itself over the fixture that stamps; stop ends it and its child.
type supervisor struct {
	name, needs string
	start       func(l *bench, stamp string) (stop func() error, err error)
}

func supervisors() []supervisor {
	return []supervisor{
		{"keep-alive", "", func(l *bench, stamp string) (func() error, error) {
			pidfile := l.file("pid")
			_, stop, err := group(l.applet("keep-alive"), "-p", pidfile, "--free-restarts", "100000", "--", l.fixture, "stamp", stamp)
			return func() error {
				_, err := timed(ok, l.applet("pid-kill"), "-p", pidfile)
				stop()
				return err
			}, err
		}},
		{"runsv", "runsv", func(l *bench, stamp string) (func() error, error) {
			return serviceDirectory(l, "runsv", stamp)
		}},
		{"s6-supervise", "s6-supervise", func(l *bench, stamp string) (func() error, error) {
			return serviceDirectory(l, "s6-supervise", stamp)
		}},
		{"supervisord", "supervisord", func(l *bench, stamp string) (func() error, error) {
			conf := l.file("conf")
			text := fmt.Sprintf("[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%s.pid\n[program:x]\ncommand=%s stamp %s\nautorestart=true\nstartretries=1000\n", conf, l.fixture, stamp)
			if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
				return nil, err
			}
			path, err := lab.LookPath("supervisord")
			if err != nil {
				return nil, err
			}
			_, stop, err := group(path, "-c", conf)
			return stop, err
		}},
	}
}

func serviceDirectory(l *bench, tool, stamp string) (func() error, error) {
	l.count++
	dir := fmt.Sprintf("%s/%d.service", l.dir, l.count) // with a program in it
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	run := fmt.Sprintf("#!/bin/sh\nexec %s stamp %s\n", l.fixture, stamp)
	if err := os.WriteFile(dir+"/run", []byte(run), 0o755); err != nil {
		return nil, err
	}
	path, err := lab.LookPath(tool)
	if err != nil {
		return nil, err
	}
	_, stop, err := group(path, dir)
	return stop, err
}

func supervisorOperations() []operation {
	after := func(ran time.Duration) operation {
		op := operation{fmt.Sprintf("restart of a child that ran %v", ran), "ms", "3 ms", 6, nil}
		for _, s := range supervisors() {
			op.contenders = append(op.contenders, contender{s.name, s.needs, func(l *bench) (float64, error) { return restart(l, s, ran) }})
		}
		return op
	}
	memory := operation{"memory of a supervisor, PSS", "kB", "below supervisord's", 3, nil}
	for _, s := range supervisors() {
		memory.contenders = append(memory.contenders, contender{s.name, s.needs, func(l *bench) (float64, error) { return footprint(l, s) }})
	}
	ops := []operation{after(50 * time.Millisecond), after(1500 * time.Millisecond), memory}
	for _, n := range []int{1, 10, 200} {
		ops = append(ops, operation{"start of " + applet.Count(n, "supervisor") + " at once", "ms", "200 within 5 s", 3,
			[]contender{{"keep-alive", "", func(l *bench) (float64, error) { return many(l, n) }}}})
	}
	return ops
}

// restart is from the SIGKILL of the child to the first action of its successor.
func restart(l *bench, s supervisor, ran time.Duration) (float64, error) {
	stamp := l.file("stamp")
	stop, err := s.start(l, stamp)
	if err != nil {
		return 0, err
	}
	defer func() { l.endStamped(stamp) }()
	defer stop()
	if _, err := stamps(stamp, 1); err != nil {
		return 0, err
	}
	time.Sleep(ran) // the child's life is what is varied
	children := l.stamped(stamp)
	if len(children) != 1 {
		return 0, fmt.Errorf("%d children", len(children))
	}
	killed := now()
	if err := lab.End(children[0]); err != nil {
		return 0, err
	}
	times, err := stamps(stamp, 2)
	if err != nil {
		return 0, err
	}
	return ms(times[1] - killed), nil
}

// footprint is the proportional set size of the supervisor alone: proc_pid_smaps_rollup(5).
func footprint(l *bench, s supervisor) (float64, error) {
	stamp := l.file("stamp")
	stop, err := s.start(l, stamp)
	if err != nil {
		return 0, err
	}
	defer func() { l.endStamped(stamp) }()
	defer stop()
	if _, err := stamps(stamp, 1); err != nil {
		return 0, err
	}
	time.Sleep(300 * time.Millisecond) // what a start needs is given back
	children := l.stamped(stamp)
	if len(children) != 1 {
		return 0, fmt.Errorf("%d children", len(children))
	}
	parent, err := parentOf(children[0])
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", parent))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			return strconv.ParseFloat(f[1], 64)
		}
	}
	return 0, errors.New("no Pss in smaps_rollup")
}

// many is from the first start until all children have acted.
func many(l *bench, n int) (float64, error) {
	stamp := l.file("stamp")
	s := supervisors()[0]
	begin := now()
	var stops []func() error
	defer func() {
		for _, stop := range stops {
			stop()
		}
		l.endStamped(stamp)
	}()
	for range n {
		stop, err := s.start(l, stamp)
		if err != nil {
			return 0, err
		}
		stops = append(stops, stop)
	}
	times, err := stamps(stamp, n)
	if err != nil {
		return 0, err
	}
	last := begin
	for _, t := range times {
		last = max(last, t)
	}
	return ms(last - begin), nil
}

// stamped are the processes of the fixture that write to this stamp.
func (l *bench) stamped(stamp string) []int {
	return lab.Processes(func(argv []string) bool { return slices.Equal(argv, []string{l.fixture, "stamp", stamp}) })
}

func (l *bench) endStamped(stamp string) {
	for _, pid := range l.stamped(stamp) {
		lab.End(pid)
	}
}

func parentOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return strconv.Atoi(f[1])
}
