//go:build linux

package testscripts

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// credentials are those of USER[:GROUP[,GROUP...]], names or numbers. Where no group is given it is the user's primary
// one; for a number that no user has, the group of the same number.
func credentials(text string) (uid int, gids []int, err error) {
	name, groups, given := strings.Cut(text, ":")
	u, err := user.Lookup(name)
	if err != nil {
		if uid, err = strconv.Atoi(name); err != nil {
			return 0, nil, err
		}
		u, err = user.LookupId(name)
	}
	switch {
	case err == nil:
		uid, _ = strconv.Atoi(u.Uid)
		if !given {
			groups = u.Gid
		}
	case !given:
		groups = name
	}
	for name := range strings.SplitSeq(groups, ",") {
		gid, err := groupNumber(name)
		if err != nil {
			return 0, nil, err
		}
		gids = append(gids, gid)
	}
	return uid, gids, nil
}

func groupNumber(name string) (int, error) {
	if g, err := user.LookupGroup(name); err == nil {
		name = g.Gid
	}
	return strconv.Atoi(name)
}

// as USER[:GROUP[,GROUP...]] COMMAND [ARG...]: runs COMMAND as that user, in these groups only, the first as the primary.
// Names or numbers; without a group in the user's primary one.
func as() {
	uid, gids, err := credentials(os.Args[1])
	if err != nil {
		fail(err)
	}
	path, err := exec.LookPath(os.Args[2])
	if err != nil {
		fail(err)
	}
	for _, err := range []error{
		syscall.Setgroups(gids), syscall.Setgid(gids[0]), syscall.Setuid(uid), syscall.Exec(path, os.Args[2:], os.Environ()),
	} {
		if err != nil {
			fail(err)
		}
	}
}

// with FILE PATH COMMAND [ARG...]: runs COMMAND where FILE is found at PATH, as a mount that nobody else sees: another
// /etc/group, another /etc/nsswitch.conf.
func with() {
	runtime.LockOSThread() // the namespace is the thread's that execs; never unlocked
	path, err := exec.LookPath(os.Args[3])
	if err != nil {
		fail(err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		fail(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fail(err)
	}
	_ = unix.Unmount(os.Args[2], unix.MNT_DETACH) // what usersdb put there has no name any more, on which one could mount
	if err := unix.Mount(os.Args[1], os.Args[2], "", unix.MS_BIND, ""); err != nil {
		fail(err)
	}
	fail(syscall.Exec(path, os.Args[3:], os.Environ()))
}

// chown USER[:GROUP] PATH...: names or numbers; of a symbolic link the link itself. Without a group that is kept.
func chown(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "chown user[:group] path...")
	uid, gids, err := credentials(args[0])
	ts.Check(err)
	gid := -1
	if strings.Contains(args[0], ":") {
		gid = gids[0]
	}
	for _, path := range args[1:] {
		ts.Check(os.Lchown(ts.MkAbs(path), uid, gid))
	}
}

// locker [-shared] PATH: opens PATH for reading, or else for writing, takes a flock(2) on it, and says so. Another's lock
// is an error.
func locker() {
	args, how := os.Args[1:], unix.LOCK_EX
	if args[0] == "-shared" {
		args, how = args[1:], unix.LOCK_SH
	}
	fd, err := unix.Open(args[0], unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err == unix.EACCES {
		fd, err = unix.Open(args[0], unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	}
	if err == nil {
		err = unix.Flock(fd, how|unix.LOCK_NB)
	}
	if err != nil {
		fail(fmt.Errorf("%s: %w", args[0], err))
	}
	fmt.Println("locked")
	wait(lifetime, "")
}

// lockedby USER PATH [shared]: until the script ends a process of that user (as with as) holds a flock(2) on PATH; its
// PID is $LOCKER.
func lockedby(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "lockedby user path [shared]")
	argv := []string{args[0], "locker"}
	if slices.Contains(args[2:], "shared") {
		argv = append(argv, "-shared")
	}
	cmd := exec.Command("as", append(argv, ts.MkAbs(args[1]))...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), of(ts).env
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	ts.Defer(func() { cmd.Process.Kill(); <-ended })
	if line != "locked\n" {
		<-ended
		ts.Fatalf("no lock: %s", said.String())
	}
	ts.Setenv("LOCKER", strconv.Itoa(cmd.Process.Pid))
}

// The users and groups of usersdb, beside those of the system.
const (
	fixtureUsers = `vcap:x:1000:1000::/nonexistent:/bin/false
web1:x:1001:1001::/nonexistent:/bin/false
web2:x:1002:1002::/nonexistent:/bin/false
mallory1:x:1003:1003::/nonexistent:/bin/false
`
	fixtureGroups = `staff:x:50:
vcap:x:1000:web1,web2
web1:x:1001:
web2:x:1002:
mallory1:x:1003:
`
)

var fixtureDatabase = sync.OnceValue(func() error {
	for path, lines := range map[string]string{"/etc/passwd": fixtureUsers, "/etc/group": fixtureGroups} {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := mountText(path, without(string(text), lines)+lines); err != nil {
			return err
		}
	}
	return nil
})

// usersdb: there are the users vcap (1000), web1 (1001), web2 (1002) and mallory1 (1003), each with a group of its own
// that has its number; vcap's has the members web1 and web2. The group staff (50) has none, and there is none 4242. The
// system's other users and groups stay. All scripts see that from the first usersdb on, and nobody outside of the tests.
func usersdb(ts *testscript.TestScript, args []string) {
	needMounts(ts, "usersdb")
	ts.Check(fixtureDatabase())
}

// without is a text less the lines that begin with a name, or have a number, that one of the others has.
func without(text, others string) string {
	taken := map[string]bool{}
	for line := range strings.Lines(others) {
		fields := strings.Split(line, ":")
		taken[fields[0]], taken[":"+fields[2]] = true, true
	}
	var kept strings.Builder
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 3 || !taken[fields[0]] && !taken[":"+fields[2]] {
			kept.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return kept.String()
}

// mountText covers a file with another text.
func mountText(path, text string) error {
	f, err := os.CreateTemp("", "")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // the mount keeps it
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return unix.Mount(f.Name(), path, "", unix.MS_BIND, "")
}
