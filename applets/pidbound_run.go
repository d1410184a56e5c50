//go:build !pidbox_some || applet_pid_bound

package applets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/bound"
	"pidbox/lib/duration"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

func (o *pidBoundOptions) run(c *applet.Call) error {
	if err := needsLinux(); err != nil {
		return err
	}
	if err := needCommand(c); err != nil {
		return err
	}
	upper, env, err := bound.Above(os.Environ())
	if err != nil {
		return err
	}
	path, err := spawn.LookPath(c.Args[0], os.Getenv("PATH"), "")
	if _, isTime := duration.Parse(c.Args[0]); err != nil && isTime == nil {
		return applet.WithHint(err, "a time limit is given by --max-runtime %s", c.Args[0])
	}
	if err != nil && strings.HasSuffix(c.Args[0], ".pid") {
		return applet.WithHint(err, "write --owner %s for the process that a pidfile names", c.Args[0])
	}
	if err != nil {
		return err
	}
	if upper != nil && upper.Owner != "" {
		o.owner = upper.Owner
	}
	owner, err := o.open()
	if err != nil {
		return err
	}
	out, err := bound.Run(bound.Order{
		Scope:   o.scope,
		Command: spawn.Command{Path: path, Args: c.Args, Env: env},
		Again:   c.Line,
		Upper:   upper,
		Owner:   owner,
		Limit:   o.limit,
		Grace:   o.grace,
		Tell:    c.Tell,
	})
	if err != nil {
		return boundError(err)
	}
	if text := o.told(c.Args[0], owner, out); text != "" && !c.Quiet {
		c.Say("%s", text)
	}
	return ended(out)
}

// open is the owner, or nil.
func (o *pidBoundOptions) open() (*bound.Owner, error) {
	switch {
	case o.owner == "":
		return nil, nil
	case o.owner == "-":
		owner, err := bound.OwnedByInput(os.Stdin)
		if err != nil {
			return nil, applet.Fail(applet.Unsafe, "standard input cannot be the owner: %w", err)
		}
		return owner, nil
	}
	id, err := parseProcess(o.owner)
	if err != nil && !strings.Contains(o.owner, "/") {
		if _, missing := os.Lstat(o.owner); missing != nil {
			return nil, applet.Usage("--owner: %q is neither a PID, PID:INODE, a pidfile that is there, nor -", o.owner)
		}
	}
	if err != nil {
		return ownerIn(o.owner)
	}
	h, err := id.open()
	if err != nil {
		return nil, fmt.Errorf("the owner: %w", err)
	}
	defer h.Close()
	return bound.OwnedBy(h)
}

// ownerIn is the process that a pidfile names.
func ownerIn(file string) (*bound.Owner, error) {
	h, err := pidfile.Read(file, pidfile.Rules{})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	switch h.State {
	case pidfile.Running:
		return bound.OwnedBy(h.Process)
	case pidfile.Doubtful:
		return nil, &pidfile.DoubtError{Holder: h}
	}
	return nil, applet.Fail(applet.Absent, "%s: the owner is not running: %s", file, h.Why)
}

// told is the line on what had to be ended.
func (o *pidBoundOptions) told(command string, owner *bound.Owner, out bound.Outcome) string {
	name, text := filepath.Base(command), ""
	switch {
	case out.Late:
		text = fmt.Sprintf("%s: stopped after %s", name, duration.Format(o.limit))
	case out.Orphan:
		text = fmt.Sprintf("%s: stopped because the owner is gone, %v", name, owner)
	case len(out.Left) > 0:
		text = fmt.Sprintf("%s left %s, which had to be stopped", name, bound.Join(out.Left))
	case len(out.Killed) > 0:
		text = fmt.Sprintf("%s was killed", name)
	}
	if len(out.Killed) > 0 {
		text += "; KILL was needed for " + bound.Join(out.Killed)
	}
	return text
}

// ended is the exit of COMMAND, as that of pid-bound.
func ended(out bound.Outcome) error {
	switch {
	case out.Late:
		return applet.Exit(applet.TimedOut)
	case out.Ending.Signal != 0:
		return errors.Join(applet.Exit(applet.Status(128+out.Ending.Signal)), &signals.Caught{Signal: out.Ending.Signal})
	}
	return applet.Exit(applet.Status(out.Ending.Code))
}

// boundError gives an error its status, where the general table does not.
func boundError(err error) error {
	switch {
	case is[*bound.UnavailableError](err):
		return applet.Fail(applet.Unsafe, "%w", err)
	case is[*bound.SurvivedError](err) && errors.Is(err, fs.ErrPermission):
		return applet.Fail(applet.Unsafe, "%w", err)
	case is[*bound.SurvivedError](err):
		return applet.Fail(applet.Survived, "%w", err)
	case errors.Is(err, proc.ErrNotFound): // not of the owner
		return applet.Fail(applet.Failed, "%w", err)
	}
	return err
}
