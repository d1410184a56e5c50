//go:build !pidbox_some || applet_chpst

package applets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/pidfile"
	"pidbox/lib/spawn"
)

// What runit's exits with.
const (
	chpstMisused applet.Status = 100
	chpstFailed  applet.Status = 111
)

// chpst takes the place of runit's program of that name, and of its aliases: this process changes its state and becomes
// COMMAND. Nothing of the caller's privileges is left where a user was asked for, or COMMAND does not run.
func chpst() *applet.Applet {
	return &applet.Applet{
		Name:     "chpst",
		Summary:  "run a command with a changed process state, compatible with runit's",
		Synopsis: []string{"[OPTION]... COMMAND [ARG...]"},
		Description: `
			A drop-in replacement for scripts that call chpst of runit.
			This process becomes COMMAND, so that its PID stays.

			By the name of a link it is one of daemontools' programs: setuidgid USER COMMAND is chpst -u, envuidgid USER COMMAND is -U,
			envdir DIR COMMAND is -e, setlock [-nNxX] FILE COMMAND is -l, and softlimit sets limits, with -a, -l and -s for the
			address space, locked memory and the stack.

			A limit is the soft one, and the hard one if that is lower, for which = stands in softlimit.
		`,
		Operand: applet.Command,
		Options: (&chpstCall{}).chpstOptions(),
		Statuses: []applet.Item{
			{Name: "0", Text: "setlock -x: the lock is held by another process"},
			{Name: "100", Text: "usage"},
			{Name: "111", Text: "the state could not be changed, or COMMAND not run"},
			{Name: "128+n", Text: "killed by signal n"},
		},
		Environment: []applet.Item{{Name: "PATH", Text: "where COMMAND is looked for, as -e has set it"}},
		Examples: []applet.Example{
			{Text: "In the run script of a service:", Lines: []string{"exec chpst -u www-data -o 4096 -e ./env web"}},
			{Text: "One at a time:", Lines: []string{"setlock -n /run/backup.lock backup"}},
		},
		Caveats: `
			A lock file is made with mode 600, is refused where another user could have put it there, and is locked for as long as
			COMMAND or a child that inherits it lives.
			With -u and -l it is opened by the user, after the change.

			A file of -e that a user could have written who may not signal COMMAND is refused: a variable can make a program do
			anything.

			HOME, USER and LOGNAME stay as they are; pid-claim(1) and daemonize(1) set them.
		`,
		SeeAlso: []string{"pid-claim(1)", "daemonize(1)", "start-stop-daemon(1)"},
		Raw:     true,
		Failure: chpstFailed,
		Run:     runChpst,
	}
}

func runChpst(c *applet.Call) error {
	o := &chpstCall{as: c.As}
	form := chpstForms()[max(0, slices.IndexFunc(chpstForms(), func(f chpstForm) bool { return f.name == c.As }))]
	var options []applet.Option
	if form.options != nil {
		options = form.options(o)
	}
	args, err := c.Getopt(options, c.Args, true)
	if err == nil && form.operand != nil && len(args) > 0 {
		*form.operand(o), args = args[0], args[1:]
	}
	if err != nil || len(args) == 0 || o.version {
		switch {
		case o.version:
			fmt.Fprintln(c.Stderr, "chpst (pidbox)")
		case err != nil:
			c.Say("%v", err)
		}
		fmt.Fprintf(c.Stderr, "usage: %s %s\n", form.name, form.usage)
		return applet.Exit(chpstMisused)
	}
	c.Args = args
	if err = o.complete(c, form); err == nil {
		err = o.run(c)
	}
	if errors.As(err, &unlocked{}) && o.silent {
		return nil
	}
	if err != nil {
		return applet.Fail(chpstFailed, "fatal: %w", err)
	}
	return nil
}

// unlocked is a lock that was not had, which setlock -x does not report.
type unlocked struct{ error }

func (e unlocked) Unwrap() error { return e.error }

// complete refuses a value that is there and empty, as from a variable that is not set: it would leave the user, the root or
// the lock as they are, unnoticed.
func (o *chpstCall) complete(c *applet.Call, form chpstForm) error {
	options := []struct{ letter, value string }{{"u", o.user}, {"U", o.envUser}, {"e", o.envDir}, {"/", o.root}, {"C", o.dir}, {"l", o.lock}, {"L", o.lock}}
	for _, v := range options {
		if form.name == "chpst" && c.Given(v.letter) && v.value == "" { // elsewhere they are other options
			return fmt.Errorf("-%s: the value is empty", v.letter)
		}
	}
	if form.operand != nil && *form.operand(o) == "" {
		return errors.New("the first operand is empty")
	}
	return nil
}

func (o *chpstCall) run(c *applet.Call) error {
	cmd := spawn.Command{Args: c.Args, Env: os.Environ(), Root: o.root, Dir: o.dir, Limits: o.limits, Session: o.session, Shut: o.shut}
	var err error
	if o.user != "" {
		if cmd.User, err = spawn.ParseIDs(o.user); err != nil {
			return err
		}
	}
	if o.envDir != "" {
		if cmd.Env, err = spawn.EnvDir(cmd.Env, o.envDir, cmd.User, o.as == "envdir"); err != nil {
			return fmt.Errorf("environment directory: %w", err)
		}
	}
	if o.envUser != "" {
		u, err := spawn.ParseIDs(o.envUser)
		if err != nil {
			return err
		}
		cmd.Env = spawn.MergeEnv(cmd.Env, []string{"UID=" + strconv.Itoa(u.UID), "GID=" + strconv.Itoa(u.GID)})
	}
	if o.nice != "" {
		n, _ := strconv.Atoi(o.nice)
		now, err := spawn.Niceness()
		if err != nil {
			return err
		}
		n = min(max(now+n, -20), 19)
		cmd.Nice = &n
	}
	if o.lock != "" {
		if again, err := o.lockLater(c, &cmd); again || err != nil {
			return err
		}
		f, err := pidfile.AwaitLock(context.Background(), o.lock, !o.noWait)
		if err != nil {
			return unlocked{fmt.Errorf("unable to lock: %w", err)}
		}
		cmd.Keep = append(cmd.Keep, f)
	}
	return o.become(cmd)
}

// become is COMMAND, under the name of -b.
func (o *chpstCall) become(cmd spawn.Command) error {
	path := ""
	for _, kv := range cmd.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value
		}
	}
	name := cmd.Args[0]
	var err error
	if cmd.Path, err = cmd.User.LookPath(name, path, o.root); err != nil && o.dir == "" {
		return fmt.Errorf("unable to run: %w", err)
	} else if err != nil {
		cmd.Path = name
	}
	if o.root != "" {
		cmd.Path = strings.TrimPrefix(cmd.Path, o.root) // as it is called from inside
	}
	if o.named {
		cmd.Args = append([]string{o.argv0}, cmd.Args[1:]...)
	}
	if err := spawn.Exec(cmd); err != nil {
		return fmt.Errorf("unable to run: %w", err)
	}
	return nil
}

// lockLater has the user open the lock file, as runit does: this program is executed once more, as the user, to lock it
// and to go on. In another root there may be no such program; there the caller opens it.
func (o *chpstCall) lockLater(c *applet.Call, cmd *spawn.Command) (bool, error) {
	if o.user == "" || o.root != "" {
		return false, nil
	}
	self, err := daemon.Own(c.Line[0])
	if err != nil {
		return false, nil
	}
	letter := "-l"
	if o.noWait {
		letter = "-L"
	}
	args := []string{"chpst", letter, o.lock}
	for _, fd := range o.shut {
		args = append(args, "-"+strconv.Itoa(fd))
	}
	cmd.Shut = nil
	if o.named {
		args = append(args, "-b", o.argv0)
	}
	cmd.Path, cmd.Args = self, append(append(args, "--"), cmd.Args...)
	return true, spawn.Exec(*cmd)
}
