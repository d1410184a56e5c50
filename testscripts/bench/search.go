//go:build linux

package main

import (
	"os"
	"os/exec"
)

// search is that of a stop without a pidfile, which looks at each process there is.
func search() operation {
	with := func(name, needs string, argv func(*bench) []string) contender {
		return contender{name, needs, func(l *bench) (float64, error) {
			if err := l.gather(2000); err != nil {
				return 0, err
			}
			return timed(ok, append(argv(l), "--stop", "--test", "--name", "needle")...)
		}}
	}
	return operation{"search by name among 2,000 processes", "ms", "at most twice dpkg's", 20, []contender{
		with("pidbox start-stop-daemon", "", func(l *bench) []string { return []string{l.applet("start-stop-daemon")} }),
		with("start-stop-daemon", "start-stop-daemon", func(*bench) []string { return []string{"start-stop-daemon"} }),
	}}
}

// gather sees to so many processes, the last of them named needle.
func (l *bench) gather(n int) error {
	if len(l.crowd) > 0 {
		return nil
	}
	needle := l.dir + "/needle"
	if err := os.Symlink(l.fixture, needle); err != nil {
		return err
	}
	for i := range n {
		path := l.fixture
		if i == n-1 {
			path = needle
		}
		one := exec.Command(path, "stamp", os.DevNull)
		if err := one.Start(); err != nil {
			return err
		}
		l.crowd = append(l.crowd, one)
	}
	return nil
}
