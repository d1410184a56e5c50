//go:build !pidbox_some || applet_start_stop_daemon

package applets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/daemon"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/ready"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// start is --start: nothing, if a process matches; else the program, in our place or in the background.
func (o *ssd) start(c *applet.Call) error {
	found, err := o.find()
	if err != nil {
		return err
	}
	if err := o.complete(); err != nil {
		found.close()
		return err
	}
	running := len(found.PIDs()) > 0
	found.close()
	switch {
	case running:
		return o.already(c)
	case o.test:
		o.wouldStart(c)
		return nil
	}
	if o.verbose && o.dialect.name != "busybox" {
		o.info(c, "Starting %s...", o.program())
	}
	cmd, err := o.command(c)
	if err != nil {
		return err
	}
	switch {
	case o.background:
		return o.detach(c, cmd)
	case o.dialect.name == "openrc":
		return o.foreground(c, cmd)
	}
	return o.become(c, cmd)
}

// complete refuses what is given and empty, as from a variable that is not set. Without it the program would run elsewhere, or
// without a pidfile.
func (o *ssd) complete() error {
	const missing = " (No such file or directory)"
	switch {
	case o.make && o.pidfile == "":
		return errors.New("unable to open pidfile '' for writing" + missing)
	case o.noDir, o.given("chroot") && o.root == "":
		return errors.New("unable to chdir() to " + missing)
	case o.given("startas") && o.startas == "" && o.dialect.name == "dpkg":
		return errors.New("unable to start " + missing)
	}
	return nil
}

func (o *ssd) already(c *applet.Call) error {
	what := o.exec
	if what == "" {
		what = "process"
	}
	switch o.dialect.name {
	case "busybox":
		o.info(c, "%s is already running", what)
	case "openrc":
		return applet.Fail(applet.No, "%s is already running", what)
	default:
		o.info(c, "%s already running.", what)
	}
	return o.nothingDone()
}

func (o *ssd) nothingDone() error {
	if o.oknodo {
		return nil
	}
	return applet.Exit(applet.No)
}

func (o *ssd) program() string {
	if o.startas != "" && o.dialect.name != "busybox" {
		return o.startas
	}
	return o.exec
}

func (o *ssd) wouldStart(c *applet.Call) {
	p := o.plan
	text := "Would start " + strings.Join(append([]string{o.program()}, c.Args...), " ") + " "
	if p.user != nil && o.chuid != "" {
		text += fmt.Sprintf(" (as user %s[%d], and group %s[%d])", p.user.Name, p.user.UID, p.group, p.user.GID)
	}
	if o.root != "" {
		text += " in directory " + o.root
	}
	if n, _ := unsigned(strings.TrimPrefix(o.nice, "-"), 10); n != 0 {
		text += fmt.Sprintf(", and add %s to the priority", o.nice)
	}
	if p.sched != nil {
		text += fmt.Sprintf(", with scheduling policy %s with priority %d", p.schedAs, p.sched.Priority)
	}
	if p.io != nil {
		text += fmt.Sprintf(", with IO scheduling class %s with priority %d", p.ioAs, *p.io&7)
	}
	o.info(c, "%s.", text)
}

// command is what becomes the program.
func (o *ssd) command(c *applet.Call) (*spawn.Command, error) {
	p := o.plan
	cmd := &spawn.Command{
		Path: o.program(), Args: append([]string{o.program()}, c.Args...), Env: o.environ(), Root: o.root, Dir: o.dir,
		Umask: p.umask, User: p.user, Scheduler: p.sched, IOPriority: p.io, NoNewPrivs: o.noNewPrivs,
		OOMScoreAdj: p.oom, SecureBits: p.secbits, Capabilities: p.caps,
	}
	if (o.dialect.name == "busybox") && o.startas != "" {
		cmd.Args[0] = o.startas
	}
	if o.dialect.name == "openrc" && o.name != "" {
		cmd.Args[0] = o.name
	}
	if cmd.Umask == nil && o.dialect.mask >= 0 && (o.background || o.dialect.name == "openrc") {
		cmd.Umask = &o.dialect.mask
	}
	if o.dialect.name != "dpkg" && o.dir == "/" {
		cmd.Dir = "" // it stays where it is
	}
	if o.nice != "" {
		now, err := spawn.Niceness()
		if err != nil {
			return nil, err
		}
		if o.dialect.name == "openrc" { // which sets it
			now = 0
		}
		n, _ := unsigned(strings.TrimPrefix(o.nice, "-"), 10) // as atoi(3), for which words are 0
		if strings.HasPrefix(o.nice, "-") {
			n = -n
		}
		n = min(max(now+n, -20), 19)
		cmd.Nice = &n
	}
	return cmd, nil
}

func (o *ssd) environ() []string {
	env := os.Environ()
	if u := o.plan.user; u != nil && o.chuid != "" && o.dialect.name != "busybox" {
		if _, err := os.Stat(u.Home); err == nil {
			env = spawn.MergeEnv(env, []string{"HOME=" + u.Home})
		}
		if o.dialect.name == "openrc" && u.Login != "" {
			env = spawn.MergeEnv(env, []string{"USER=" + u.Login})
		}
	}
	if o.dialect.name == "openrc" {
		env = slices.DeleteFunc(env, func(kv string) bool {
			return strings.HasPrefix(kv, "RC_") && !strings.HasPrefix(kv, "RC_SERVICE=") && !strings.HasPrefix(kv, "RC_SVCNAME=") ||
				strings.HasPrefix(kv, "SSD_")
		})
	}
	return spawn.MergeEnv(env, o.env)
}

// rules are how the pidfile is judged for a claim: what does not match is not in the way.
func (o *ssd) rules() pidfile.Rules {
	r := pidfile.Rules{Match: o.plan.pattern.Conditions}
	if o.plan.user != nil {
		r = r.Trusting(o.plan.user.UID)
	}
	return r
}

// claiming are the rules of a claim. Scripts make a directory for a user whom only the program becomes, in its own time: such a
// pidfile is believed later if it names a process of his.
func (o *ssd) claiming() pidfile.Rules { return o.rules().TrustingOwner(o.pidfile) }

// detach is --background: the program is on record before it runs, and was executed when this returns.
func (o *ssd) detach(c *applet.Call, cmd *spawn.Command) error {
	if done, err := apart(c); done {
		return err
	}
	order := daemon.Order{Command: *cmd, Rules: o.claiming(), Stdout: o.output, Stderr: o.output,
		Want: ready.Want{MinUptime: o.plan.wait, Notify: o.notifyAwait, Timeout: o.plan.timeout}}
	if order.Want.Timeout == 0 {
		order.Want.Timeout = time.Minute
	}
	if o.make {
		order.PIDFile = o.pidfile
	}
	if o.stdout != "" {
		order.Stdout = o.stdout
	}
	if o.stderr != "" {
		order.Stderr = o.stderr
	}
	close, err := o.descriptors(c, &order)
	if err != nil {
		return err
	}
	defer close()
	ctx, stop := signals.Until(context.Background())
	defer stop()
	_, err = daemon.Start(ctx, order)
	return o.started(c, err)
}

// become is the foreground: this process becomes the program, whose pidfile it has claimed for itself.
func (o *ssd) become(c *applet.Call, cmd *spawn.Command) error {
	if !o.make {
		return o.started(c, spawn.Exec(*cmd))
	}
	p, err := proc.Self()
	if err != nil {
		return err
	}
	r, err := pidfile.Claim(context.Background(), o.pidfile, p, o.claiming(), 0, 0)
	if err != nil {
		return o.started(c, err)
	}
	claim := pidClaimOptions{file: o.pidfile, rules: o.claiming(), pid: os.Getpid()}
	return o.started(c, claim.become(r, cmd))
}

// started words the outcome of a start.
func (o *ssd) started(c *applet.Call, err error) error {
	var held *pidfile.HeldError
	var exec *spawn.ExecError
	var step *spawn.StepError
	var caught *signals.Caught
	switch {
	case errors.As(err, &held): // by another start at the same time, or it does not match what it holds
		return o.already(c)
	case errors.As(err, &exec):
		return fmt.Errorf("unable to start %s (%w)", o.program(), spawn.Words(err))
	case errors.As(err, &step) && strings.HasPrefix(step.Step, "change to the directory "):
		return fmt.Errorf("unable to chdir() to %s (%w)", o.dir, spawn.Words(err))
	case errors.As(err, &caught):
		return err
	}
	return err
}
