//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/packaging/lab"
)

// fault is one row: which tools it asks, and what it does to them.
type fault struct {
	name string
	asks func(tool) bool
	run  func(*scene) error
}

func stops(t tool) bool  { return t.stop != nil }
func alives(t tool) bool { return t.alive != nil }
func claims(t tool) bool { return t.claim != nil }
func starts(t tool) bool { return t.start != nil }

const pidfile = "/run/x/x.pid"

func faults() []fault {
	rows := []fault{
		{"the number was reused by a stranger, stop", stops, reusedStop},
		{"the number was reused by a stranger, status", alives, reusedStatus},
		{"the number is a thread id, stop", stops, threadStop},
		{"the number is a thread id, status", alives, threadStatus},
		{"a zombie, stop", stops, zombieStop},
		{"a zombie, status", alives, zombieStatus},
		{"another user's process (EPERM), status", alives, otherUser},
		{"the same under hidepid=2", alives, hidden},
		{"the process ignores TERM", stops, stubborn},
		{"pidfile from before the boot, stop", stops, earlierBoot},
		{"pidfile of another PID namespace, stop", stops, otherNamespace},
	}
	for _, content := range []string{"", "\n", "abc\n", "12abc\n", "-1\n", "0\n", "1\n", "99999999999\n", strings.Repeat("x", 1<<20)} {
		shown := strconv.Quote(content)
		if len(content) > 20 {
			shown = "1 MiB of junk"
		}
		rows = append(rows, fault{"pidfile with " + shown + ", stop", stops, func(s *scene) error { return malformed(s, content) }})
	}
	return append(rows,
		fault{"pidfile with CR LF, stop", stops, func(s *scene) error { return readable(s, "%d\r\n") }},
		fault{"pidfile with more lines, stop", stops, func(s *scene) error { return readable(s, "%d\n/var/lib/data\n") }},
		fault{"a FIFO in place of the pidfile, stop", stops, fifo},
		fault{"a symlink in place of the pidfile, start", starts, linkStart},
		fault{"a symlink in place of the pidfile, claim", claims, linkClaim},
		fault{"a pidfile that others may write, stop", stops, writable},
		fault{"50 starts at once", starts, stormOfStarts},
		fault{"50 claims at once", claims, stormOfClaims},
		fault{"claimed anew while it is stopped", func(t tool) bool { return stops(t) && claims(t) }, claimedAnew},
		fault{"the number passes to a stranger, at each system call of a stop", stops, strangerMeanwhile},
		fault{"a successor claims, at each system call of a stop", stops, successorMeanwhile},
		fault{"another claims, at each system call of a claim", claims, rivalMeanwhile},
		fault{"removed and claimed by another, at each system call of a claim", claims, removedMeanwhile},
		fault{"full disk, start", starts, fullDiskStart},
		fault{"full disk, claim", claims, fullDiskClaim},
		fault{"read-only directory, start", starts, readOnly},
		fault{"SIGKILL of the tool at random moments of a start", starts, killedStart},
		fault{"the command does not exist, start", starts, func(s *scene) error { return execFails(s, "/nonexistent") }},
		fault{"the command is not executable, start", starts, func(s *scene) error { return execFails(s, "/etc/passwd") }},
		fault{"pidfile complete at the return of a start", starts, complete},
		fault{"PATH and HOME unset, locale unknown", starts, func(s *scene) error {
			return cycle(s, func(c *exec.Cmd) { c.Env = []string{"LC_ALL=xx_YY"} })
		}},
		fault{"16 descriptors at most", starts, func(s *scene) error { return cycle(s, under("ulimit -n 16")) }},
		fault{"one to twelve processes at most (RLIMIT_NPROC)", starts, fewProcesses},
		fault{"umask 0", starts, umaskZero},
		fault{"descriptors 0, 1 and 2 closed", starts, func(s *scene) error { return cycle(s, under("exec <&- >&- 2>&-")) }},
		fault{"CHLD and PIPE ignored", starts, func(s *scene) error { return cycle(s, under("trap '' CHLD PIPE")) }},
	)
}

// under runs the tool from a shell that first did something to itself.
func under(first string) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		path := c.Path
		c.Args = append([]string{"sh", "-c", first + `; exec "$0" "$@"`, path}, c.Args[1:]...)
		c.Path, c.Err = "/bin/sh", nil
	}
}

func directory() error { return os.MkdirAll("/run/x", 0o755) }

func reused(s *scene) (*lab.Process, error) {
	if err := directory(); err != nil {
		return nil, err
	}
	first, err := lab.Fixture(lab.Plain)
	if err != nil {
		return nil, err
	}
	if err := s.claimed(pidfile, first.PID()); err != nil {
		return nil, err
	}
	first.Kill()
	return lab.Reuse(first.PID(), lab.Plain)
}

func reusedStop(s *scene) error {
	stranger, err := reused(s)
	if err != nil {
		return err
	}
	defer stranger.Kill()
	s.do(s.tool.stop(pidfile))
	if died(stranger) {
		return errors.New("the stranger was killed")
	}
	return nil
}

func reusedStatus(s *scene) error {
	stranger, err := reused(s)
	if err != nil {
		return err
	}
	defer stranger.Kill()
	if r := s.do(s.tool.alive(pidfile)); r.status == 0 {
		return errors.New("the stranger is taken for the process")
	}
	return nil
}

func threaded() (*lab.Process, error) {
	if err := directory(); err != nil {
		return nil, err
	}
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return nil, err
	}
	return p, os.WriteFile(pidfile, fmt.Appendln(nil, p.Number), 0o644)
}

func threadStop(s *scene) error {
	p, err := threaded()
	if err != nil {
		return err
	}
	defer p.Kill()
	s.do(s.tool.stop(pidfile))
	if died(p) {
		return errors.New("the process of the thread was killed")
	}
	return nil
}

func threadStatus(s *scene) error {
	p, err := threaded()
	if err != nil {
		return err
	}
	defer p.Kill()
	if r := s.do(s.tool.alive(pidfile)); r.status == 0 {
		return errors.New("a thread is taken for a process")
	}
	return nil
}

func zombie(s *scene, argv func(string) []string, want func(int) bool) error {
	if err := directory(); err != nil {
		return err
	}
	parent, err := lab.Fixture(lab.Zombie)
	if err != nil {
		return err
	}
	defer parent.Kill()
	if err := os.WriteFile(pidfile, fmt.Appendln(nil, parent.Number), 0o644); err != nil {
		return err
	}
	begin := time.Now()
	r := s.do(argv(pidfile))
	if took := time.Since(begin); took > 1500*time.Millisecond || !want(r.status) {
		return fmt.Errorf("status %d after %v", r.status, took.Round(time.Millisecond))
	}
	return nil
}

func zombieStop(s *scene) error {
	return zombie(s, s.tool.stop, func(status int) bool { return status == 0 })
}
func zombieStatus(s *scene) error {
	return zombie(s, s.tool.alive, func(status int) bool { return status > 0 })
}

// hidden is otherUser where /proc does not show other users' processes.
func hidden(s *scene) error {
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_REMOUNT, "hidepid=2"); err != nil {
		return err
	}
	return otherUser(s)
}

func otherUser(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := s.claimed(pidfile, p.PID()); err != nil {
		return err
	}
	r := s.do(s.tool.alive(pidfile), func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	})
	if r.status != 0 {
		return fmt.Errorf("a running process is called dead: %v", r)
	}
	return nil
}

func stubborn(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	p, err := lab.Fixture(lab.Stubborn)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := s.claimed(pidfile, p.PID()); err != nil {
		return err
	}
	r := s.do(s.tool.stop(pidfile))
	if alive := lab.Running(p.PID()); alive && r.status == 0 {
		return errors.New("status 0, and it runs on")
	}
	return nil
}

func earlierBoot(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := os.WriteFile(pidfile, fmt.Appendln(nil, p.PID()), 0o644); err != nil {
		return err
	}
	then := time.Unix(1e9, 0)
	if err := os.Chtimes(pidfile, then, then); err != nil {
		return err
	}
	s.do(s.tool.stop(pidfile))
	if died(p) {
		return errors.New("a process of this boot was killed for one of an earlier boot")
	}
	return nil
}

func otherNamespace(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	number := strconv.Itoa(p.PID())
	// In the other namespace a process of the same number claims the file, and lives on there.
	claim := fmt.Sprintf("echo %s >%s", number, pidfile)
	if s.tool.name == "pidbox" {
		claim = fmt.Sprintf("/run/bin/pid-claim --pid %s -p %s", number, pidfile)
	}
	other := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-euc",
		fmt.Sprintf(`echo $((%s - 1)) >/proc/sys/kernel/ns_last_pid; tail -f /dev/null & [ $! = %s ]; %s; echo ready; wait`, number, number, claim))
	out, err := other.StdoutPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		return err
	}
	defer func() { other.Process.Kill(); other.Wait() }()
	if n, err := out.Read(make([]byte, 16)); n == 0 {
		return fmt.Errorf("the other namespace: %w", err)
	}
	s.do(s.tool.stop(pidfile))
	if died(p) {
		return errors.New("the process of the same number here was killed")
	}
	return nil
}

// malformed content names nobody: nothing may be signalled, and the tool must end.
func malformed(s *scene, content string) error {
	if err := directory(); err != nil {
		return err
	}
	var bystanders []*lab.Process
	if n, _ := strconv.Atoi(strings.TrimRight(content, "abc\n")); n > 1 && n < 1000 {
		p, err := lab.Reuse(n, lab.Plain)
		if err != nil {
			return err
		}
		bystanders = append(bystanders, p)
	}
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return err
	}
	bystanders = append(bystanders, p)
	if err := os.WriteFile(pidfile, []byte(content), 0o644); err != nil {
		return err
	}
	r := s.do(s.tool.stop(pidfile))
	for _, p := range bystanders {
		if died(p) {
			return errors.New("a bystander was killed")
		}
		p.Kill()
	}
	if r.status < 0 {
		return errors.New(r.text)
	}
	return nil
}

// readable content names a process to every script that reads the file, and so it must to the tool.
func readable(s *scene, format string) error {
	if err := directory(); err != nil {
		return err
	}
	p, err := lab.Fixture(lab.Plain)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := os.WriteFile(pidfile, fmt.Appendf(nil, format, p.PID()), 0o644); err != nil {
		return err
	}
	if r := s.do(s.tool.stop(pidfile)); r.status != 0 || lab.Running(p.PID()) {
		return fmt.Errorf("status %d, running %t: %s", r.status, lab.Running(p.PID()), r.text)
	}
	return nil
}

func fifo(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	if err := unix.Mkfifo(pidfile, 0o644); err != nil {
		return err
	}
	if r := s.do(s.tool.stop(pidfile)); r.status <= 0 {
		return fmt.Errorf("status %d: %s", r.status, r.text)
	}
	return nil
}

const precious = "/run/precious"

func linked() error {
	return errors.Join(directory(), os.WriteFile(precious, []byte("precious\n"), 0o644), os.Symlink(precious, pidfile))
}

func intact() error {
	if text, err := os.ReadFile(precious); err != nil || string(text) != "precious\n" {
		return fmt.Errorf("what the link leads to was overwritten: %q", text)
	}
	return nil
}

func linkStart(s *scene) error {
	if err := linked(); err != nil {
		return err
	}
	s.do(s.tool.start(pidfile, sleeper("m")))
	defer killAll(settled("m"))
	return intact()
}

func linkClaim(s *scene) error {
	if err := linked(); err != nil {
		return err
	}
	s.do(s.tool.claim(pidfile, os.Getpid()))
	return intact()
}

// writable is the authority of whoever could have written the file: a root shell must not take orders from everybody.
func writable(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	victim, err := lab.Fixture(lab.Plain)
	if err != nil {
		return err
	}
	defer victim.Kill()
	if err := errors.Join(os.WriteFile(pidfile, fmt.Appendln(nil, victim.PID()), 0o666), os.Chmod(pidfile, 0o666)); err != nil {
		return err
	}
	s.do(s.tool.stop(pidfile))
	if died(victim) {
		return errors.New("anybody could have named the process that root killed")
	}
	return nil
}

func stormOfStarts(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { s.do(s.tool.start(pidfile, sleeper("m"))) })
	}
	all.Wait()
	daemons := settled("m")
	defer killAll(daemons)
	pid, err := namedBy(pidfile)
	if err != nil {
		return err
	}
	if len(daemons) != 1 || !s.names(pid, daemons[0]) {
		return fmt.Errorf("%d daemons, and the pidfile names %d", len(daemons), pid)
	}
	return nil
}

func stormOfClaims(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	var all sync.WaitGroup
	won := make(chan int, 50)
	for range cap(won) {
		claimant := exec.Command(sleeperPath, "-f", os.DevNull)
		if err := claimant.Start(); err != nil {
			return err
		}
		all.Go(func() {
			if s.do(s.tool.claim(pidfile, claimant.Process.Pid)).status == 0 {
				won <- claimant.Process.Pid
			}
		})
	}
	all.Wait()
	pid, err := namedBy(pidfile)
	if err != nil {
		return err
	}
	if winner := <-won; len(won) > 0 || winner != pid {
		return fmt.Errorf("%d claims succeeded, and the pidfile names %d", len(won)+1, pid)
	}
	return nil
}

// claimedAnew: the process that is being stopped hands its pidfile to a successor, which must keep it.
func claimedAnew(s *scene) error {
	for round := range 40 {
		if err := directory(); err != nil {
			return err
		}
		first, err := lab.Fixture(lab.Plain)
		if err != nil {
			return err
		}
		next, err := lab.Fixture(lab.Plain)
		if err != nil {
			return err
		}
		if err := s.claimed(pidfile, first.PID()); err != nil {
			return err
		}
		done := make(chan result, 1)
		go func() { done <- s.do(s.tool.stop(pidfile)) }()
		select {
		case <-first.Gone():
		case <-time.After(limit):
		}
		// As a start script would, at once: with the tool's own claim.
		r := s.do(s.tool.claim(pidfile, next.PID()))
		<-done
		text, _ := os.ReadFile(pidfile)
		alive := lab.Running(next.PID())
		first.Kill()
		next.Kill()
		if !alive {
			return fmt.Errorf("round %d: the successor was killed", round)
		}
		if want := fmt.Sprintln(next.PID()); r.status == 0 && string(text) != want {
			return fmt.Errorf("round %d: the successor's pidfile holds %q", round, text)
		}
		os.Remove(pidfile)
	}
	return nil
}

// fill mounts a small disk over the pidfile's directory, with an old pidfile, and leaves no room.
func fill() error {
	if err := directory(); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/run/x", "tmpfs", 0, "size=64k"); err != nil {
		return err
	}
	if err := os.WriteFile(pidfile, []byte("30000\n"), 0o644); err != nil {
		return err
	}
	err := os.WriteFile("/run/x/ballast", make([]byte, 1<<20), 0o644)
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is not full: %w", err)
	}
	return nil
}

func unharmed() error {
	if text, err := os.ReadFile(pidfile); err != nil || string(text) != "30000\n" {
		return fmt.Errorf("the old pidfile now holds %q", text)
	}
	return nil
}

func fullDiskStart(s *scene) error {
	if err := fill(); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, sleeper("m")))
	daemons := settled("m")
	defer killAll(daemons)
	if r.status == 0 || len(daemons) > 0 {
		return fmt.Errorf("status %d, and %d daemons without a pidfile", r.status, len(daemons))
	}
	return unharmed()
}

func fullDiskClaim(s *scene) error {
	if err := fill(); err != nil {
		return err
	}
	if r := s.do(s.tool.claim(pidfile, os.Getpid())); r.status == 0 {
		text, _ := os.ReadFile(pidfile)
		return fmt.Errorf("status 0, and the pidfile holds %q", text)
	}
	return unharmed()
}

func readOnly(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/run/x", "tmpfs", syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, sleeper("m")))
	daemons := settled("m")
	defer killAll(daemons)
	if r.status == 0 || len(daemons) > 0 {
		return fmt.Errorf("status %d, and %d daemons without a pidfile", r.status, len(daemons))
	}
	return nil
}

// killedStart: whatever the moment of the kill, a daemon has a pidfile that names it, and a pidfile's process is the daemon.
func killedStart(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	for round := range 100 {
		argv := s.tool.start(pidfile, sleeper("m"))
		cmd := exec.Command(argv[0], argv[1:]...)
		if err := cmd.Start(); err != nil {
			return err
		}
		time.Sleep(rand.N(4 * time.Millisecond)) // the fault's moment
		cmd.Process.Kill()
		cmd.Wait()
		daemons := settled("m")
		text, _ := os.ReadFile(pidfile)
		pid := number(text)
		if len(daemons) > 1 || len(daemons) == 1 && !s.names(pid, daemons[0]) {
			killAll(daemons)
			return fmt.Errorf("round %d: daemons %v, and the pidfile holds %q", round, daemons, text)
		}
		if len(daemons) == 0 && pid > 0 && lab.Running(pid) {
			return fmt.Errorf("round %d: the pidfile names %d, which is not the daemon", round, pid)
		}
		killAll(daemons)
	}
	return nil
}

func execFails(s *scene, command string) error {
	if err := directory(); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, []string{command, "m"}))
	if r.status == 0 {
		return errors.New("status 0")
	}
	return missing(pidfile)
}

func complete(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	for round := range 50 {
		r := s.do(s.tool.start(pidfile, sleeper("m")))
		text, err := os.ReadFile(pidfile)
		daemons := settled("m")
		good := len(daemons) == 1 && s.names(number(text), daemons[0])
		killAll(daemons)
		if r.status != 0 || err != nil || !good {
			return fmt.Errorf("round %d: status %d, daemons %v, and the pidfile held %q", round, r.status, daemons, text)
		}
		os.Remove(pidfile)
	}
	return nil
}

// cycle starts, asks and stops under a hostile environment.
func cycle(s *scene, hostile func(*exec.Cmd)) error {
	if err := directory(); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, sleeper("m")), hostile)
	daemons := settled("m")
	defer func() { killAll(settled("m")) }()
	pid, err := namedBy(pidfile)
	if r.status != 0 || err != nil || len(daemons) != 1 || !s.names(pid, daemons[0]) {
		return fmt.Errorf("start: status %d, daemons %v, %v: %s", r.status, daemons, err, r.text)
	}
	if s.tool.alive != nil {
		if r := s.do(s.tool.alive(pidfile), hostile); r.status != 0 {
			return fmt.Errorf("status: %v", r)
		}
	}
	if s.tool.stop != nil {
		if r := s.do(s.tool.stop(pidfile), hostile); r.status != 0 {
			return fmt.Errorf("stop: %v", r)
		}
		for deadline := time.Now().Add(5 * time.Second); lab.Running(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				return errors.New("stop: it runs on")
			}
		}
	}
	return nil
}

// fewProcesses: whatever the limit, status 0 means that the daemon runs, another that none does.
func fewProcesses(s *scene) error {
	const user = 64917 // who has no other processes
	if err := errors.Join(directory(), os.Chown("/run/x", user, user)); err != nil {
		return err
	}
	for most := 1; most <= 12; most++ {
		r := s.do(s.tool.start(pidfile, sleeper("m")), func(c *exec.Cmd) {
			path := c.Path
			c.Args = append([]string{"setpriv", "--reuid", fmt.Sprint(user), "--regid", fmt.Sprint(user), "--clear-groups",
				"prlimit", "--nproc=" + strconv.Itoa(most), "--", path}, c.Args[1:]...)
			c.Path, _ = lab.LookPath("setpriv")
		})
		daemons := settled("m")
		text, _ := os.ReadFile(pidfile)
		pid := number(text)
		good := len(daemons) == 1 && s.names(pid, daemons[0])
		killAll(daemons)
		os.Remove(pidfile)
		if r.status == 0 && !good || r.status != 0 && (len(daemons) > 0 || len(text) > 0) {
			return fmt.Errorf("at most %d: status %d, daemons %v, and the pidfile held %q", most, r.status, daemons, text)
		}
	}
	return nil
}

func umaskZero(s *scene) error {
	if err := directory(); err != nil {
		return err
	}
	r := s.do(s.tool.start(pidfile, sleeper("m")), under("umask 0"))
	defer killAll(settled("m"))
	info, err := os.Stat(pidfile)
	if err != nil || r.status != 0 {
		return fmt.Errorf("status %d, %v", r.status, err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("the pidfile has mode %v", info.Mode())
	}
	return nil
}
