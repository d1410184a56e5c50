//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/applet"
	"pidbox/testscripts/lab"
)

// operation is one piece of work that several tools can do; the first contender is pidbox.
type operation struct {
	name, unit, goal string
	rounds           int
	contenders       []contender
}

// single says that each contender is one short call and nothing else, of which the page faults can be counted.
func (o operation) single() bool {
	return slices.Contains([]string{"start-up", "status of a pidfile", "claim of a pidfile"}, o.name)
}

// contender does the operation once and is what it needed, in the operation's unit.
type contender struct {
	name  string
	needs string // the program that must be there
	run   func(*bench) (float64, error)
}

func operations() []operation {
	ops := []operation{startUp(), status(), claim(), start(), kill(0), kill(500 * time.Millisecond), search()}
	ops = append(ops, healthOperations()...)
	ops = append(ops, supervisorOperations()...)
	return append(ops, growthOperations()...)
}

// command is a contender that is timed as a whole process.
func command(name, needs string, argv func(*bench) []string, allowed ...int) contender {
	return contender{name, needs, func(l *bench) (float64, error) { return timed(append(allowed, 0), argv(l)...) }}
}

func startUp() operation {
	return operation{"start-up", "ms", "pidbox near the Go program", 300, []contender{
		command("pid-alive --version", "", func(l *bench) []string { return []string{l.applet("pid-alive"), "--version"} }),
		command("C no-op, static", "", func(l *bench) []string { return []string{l.fixture, "noop"} }),
		command("Go hello world", "", func(l *bench) []string { return []string{l.hello} }),
		command("busybox true", "busybox", func(*bench) []string { return []string{"busybox", "true"} }),
	}}
}

// ours is a pidfile that names this program, as each tool writes it.
func (l *bench) ours() string {
	file := l.files + "/ours.pid"
	if _, err := os.Stat(file); err != nil {
		exec.Command(l.applet("pid-claim"), "--pid", strconv.Itoa(os.Getpid()), "-p", file).Run() // what fails here fails in the runs
	}
	return file
}

func status() operation {
	return operation{"status of a pidfile", "ms", "1.4x the Go program, faster than the shell", 300, []contender{
		command("pid-alive", "", func(l *bench) []string { return []string{l.applet("pid-alive"), "-p", l.ours()} }),
		command("pidbox start-stop-daemon --status", "", func(l *bench) []string {
			return []string{l.applet("start-stop-daemon"), "--status", "--pidfile", l.ours()}
		}),
		command("pidbox start-stop-daemon --stop --test", "", func(l *bench) []string {
			return []string{l.applet("start-stop-daemon"), "--stop", "--test", "--pidfile", l.ours()}
		}),
		command("Go hello world", "", func(l *bench) []string { return []string{l.hello} }),
		command("start-stop-daemon --status", "start-stop-daemon", func(l *bench) []string {
			return []string{"start-stop-daemon", "--status", "--pidfile", l.ours()}
		}),
		command("sh -c 'kill -0 $(cat F)'", "sh", func(l *bench) []string { return []string{"sh", "-c", "kill -0 $(cat " + l.ours() + ")"} }),
	}}
}

func claim() operation {
	return operation{"claim of a pidfile", "ms", "faster than the flock one-liner", 300, []contender{
		command("pid-claim", "", func(l *bench) []string {
			return []string{l.applet("pid-claim"), "--pid", strconv.Itoa(os.Getpid()), "-p", l.file("pid")}
		}),
		command("flock one-liner in sh", "flock", func(l *bench) []string {
			f := l.file("pid")
			return []string{"sh", "-c", fmt.Sprintf(`exec 9>>%s; flock -n 9 || exit 1; kill -0 "$(cat %s)" 2>/dev/null || echo %d >%s`, f, f, os.Getpid(), f)}
		}),
	}}
}

// start times from the call until the pidfile holds the PID of a process that has exec'ed its command.
func start() operation {
	with := func(name, needs string, argv func(l *bench, pidfile string) []string) contender {
		return contender{name, needs, func(l *bench) (float64, error) {
			pidfile, stamp := l.file("pid"), l.file("stamp")
			begin := now()
			if _, err := timed(ok, append(argv(l, pidfile), "pidfile", pidfile, stamp)...); err != nil {
				return 0, err
			}
			times, err := stamps(stamp, 1)
			if err != nil {
				return 0, err
			}
			for _, pid := range lab.Processes(func(line []string) bool { return slices.Contains(line, stamp) }) { // daemon(1) stays, too
				if err := lab.End(pid); err != nil {
					return 0, err
				}
			}
			return ms(times[0] - begin), nil
		}}
	}
	return operation{"start of a daemon", "ms", "below start-stop-daemon", 200, []contender{
		with("daemonize of pidbox", "", func(l *bench, pidfile string) []string {
			return []string{l.applet("daemonize"), "--min-uptime", "0", "-p", pidfile, l.fixture}
		}),
		with("start-stop-daemon", "start-stop-daemon", func(l *bench, pidfile string) []string {
			return []string{"start-stop-daemon", "-S", "-b", "-m", "-p", pidfile, "-x", l.fixture, "--"}
		}),
		with("busybox start-stop-daemon", "busybox", func(l *bench, pidfile string) []string {
			return []string{"busybox", "start-stop-daemon", "-S", "-b", "-m", "-p", pidfile, "-x", l.fixture, "--"}
		}),
		with("daemonize(1)", "daemonize", func(l *bench, pidfile string) []string {
			return []string{"daemonize", "-p", pidfile, l.fixture}
		}),
		with("daemon(1)", "daemon", func(l *bench, pidfile string) []string {
			return []string{"daemon", "--pidfile", pidfile, "--", l.fixture}
		}),
	}}
}

// kill times from the end of the target to the return of the tool: the target ends so long after the signal.
func kill(after time.Duration) operation {
	with := func(name, needs string, argv func(l *bench, pidfile string) []string) contender {
		return contender{name, needs, func(l *bench) (float64, error) {
			pidfile, stamp := l.file("pid"), l.file("stamp")
			target := exec.Command(l.fixture, "term", strconv.FormatInt(after.Milliseconds(), 10), stamp)
			out, err := target.StdoutPipe()
			if err == nil {
				err = target.Start()
			}
			if err != nil {
				return 0, err
			}
			var reaped sync.WaitGroup
			defer reaped.Wait()
			if _, err := out.Read(make([]byte, 16)); err != nil { // it says when it is ready
				return 0, err
			}
			if _, err := timed(ok, l.applet("pid-claim"), "--pid", strconv.Itoa(target.Process.Pid), "-p", pidfile); err != nil {
				return 0, err
			}
			reaped.Go(func() { target.Wait() }) // as its parent would: some tools wait for the zombie to go
			if _, err := timed(ok, argv(l, pidfile)...); err != nil {
				return 0, err
			}
			returned := now()
			times, err := stamps(stamp, 1)
			if err != nil {
				return 0, err
			}
			return ms(returned - times[0]), nil
		}}
	}
	name, rounds := "return of a stop after the end of a process that ends at once", 100
	if after > 0 {
		name, rounds = fmt.Sprintf("return of a stop after the end of a process that takes %v", after), 20
	}
	return operation{name, "ms", "1 ms", rounds, []contender{
		with("pid-kill", "", func(l *bench, pidfile string) []string { return []string{l.applet("pid-kill"), "-p", pidfile} }),
		with("pidbox start-stop-daemon --retry", "", func(l *bench, pidfile string) []string {
			return []string{l.applet("start-stop-daemon"), "--stop", "--retry", "TERM/20/KILL/5", "--pidfile", pidfile}
		}),
		with("start-stop-daemon --retry", "start-stop-daemon", func(l *bench, pidfile string) []string {
			return []string{"start-stop-daemon", "--stop", "--retry", "TERM/20/KILL/5", "--pidfile", pidfile}
		}),
		with("sh, kill -0 every 100 ms", "sh", func(l *bench, pidfile string) []string {
			return []string{"sh", "-c", "p=$(cat " + pidfile + "); kill $p; while kill -0 $p 2>/dev/null; do sleep 0.1; done"}
		}),
	}}
}

// growthOperations show how the cost grows.
func growthOperations() (ops []operation) {
	for _, n := range []int{1, 10, 100, 1000} {
		ops = append(ops, operation{applet.Count(n, "concurrent claim") + " of one file", "ms", "at most twice flock's", 10, []contender{
			{"pid-claim", "", func(l *bench) (float64, error) { return claims(l, n) }},
			{"flock FILE true", "flock", func(l *bench) (float64, error) { return flocks(l, n) }},
		}})
	}
	for _, n := range []int{1, 100, 10000} {
		ops = append(ops, operation{"pid-alive of " + applet.Count(n, "pidfile"), "ms", "40 us each beyond the start", 10, []contender{{"pid-alive", "", func(l *bench) (float64, error) { return manyFiles(l, n) }}}})
	}
	return ops
}

func claims(l *bench, n int) (float64, error) {
	file := l.file("pid")
	var all sync.WaitGroup
	won, failed := make(chan int, n), make(chan error, n)
	begin := now()
	for range n {
		all.Go(func() {
			holder := exec.Command(l.applet("pid-claim"), "--quiet", "-p", file, "--", l.fixture, "stamp", os.DevNull)
			if err := holder.Start(); err != nil {
				failed <- err
				return
			}
			done := make(chan error, 1)
			go func() { done <- holder.Wait() }()
			for {
				select {
				case <-done:
					if status := holder.ProcessState.ExitCode(); status != 1 {
						failed <- fmt.Errorf("a claim ended with %v", holder.ProcessState)
					}
					return
				case <-time.After(time.Millisecond):
				}
				if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", holder.Process.Pid)); err == nil && exe == l.fixture {
					won <- holder.Process.Pid
					return
				}
			}
		})
	}
	all.Wait()
	took := ms(now() - begin)
	for range len(won) - 1 {
		failed <- fmt.Errorf("%d winners", len(won))
	}
	for len(won) > 0 {
		if err := lab.End(<-won); err != nil {
			return 0, err
		}
	}
	if len(failed) > 0 {
		return 0, <-failed
	}
	return took, nil
}

// flocks has as many wait for one lock, each for its turn.
func flocks(l *bench, n int) (float64, error) {
	file := l.file("lock")
	var all sync.WaitGroup
	failed := make(chan error, n)
	begin := now()
	for range n {
		all.Go(func() {
			if err := exec.Command("flock", file, "true").Run(); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	took := ms(now() - begin)
	if len(failed) > 0 {
		return 0, <-failed
	}
	return took, nil
}

func manyFiles(l *bench, n int) (float64, error) {
	argv := []string{l.applet("pid-alive"), "--quiet"}
	one := l.ours()
	for i := range n {
		file := fmt.Sprintf("%s/many%d.pid", l.files, i)
		if err := copied(one, file); err != nil {
			return 0, err
		}
		argv = append(argv, "-p", file)
	}
	return timed(ok, argv...)
}

// copied makes a pidfile of the same process, with its record, which counts for a file with the same time of change. A
// further name of one pidfile would be refused.
func copied(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o644)
	}
	if err != nil {
		return err
	}
	const attribute = "user.pidbox.claim"
	record := make([]byte, 4096)
	if n, err := unix.Getxattr(from, attribute, record); err == nil { // some file systems keep none
		if err := unix.Setxattr(to, attribute, record[:n], 0); err != nil {
			return err
		}
	}
	return os.Chtimes(to, time.Time{}, info.ModTime())
}

// group starts a command in a process group of its own, and is what ends that group.
func group(argv ...string) (*exec.Cmd, func() error, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	return cmd, func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // ours: its leader is not yet reaped
		cmd.Wait()
		return err
	}, nil
}
