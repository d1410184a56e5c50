package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/cgroup"
	"pidbox/lib/child"
	"pidbox/lib/fault"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// Attach is a member that another program starts: exactly one of its fields is set. The command, if there is one, is
// what starts it, and exits.
type Attach struct {
	PIDFile bool   // Config.PIDFile names it
	Unit    string // of systemd
	Group   string // path of a control group
}

// errMissing is of a member that does not run at the moment.
var errMissing = errors.New("it does not run")

const (
	attachPace = 200 * time.Millisecond // at which a member is looked for: no event tells that one has come
	attachWait = 30 * time.Second       // for a member after the command that starts it
)

// find looks for the member, and keeps it.
func (a *Agent) find() error {
	if a.Attach.PIDFile {
		c, err := child.Adopt(context.Background(), a.spec())
		if err == nil && c == nil {
			err = errMissing
		}
		if err != nil {
			return err
		}
		a.keep(c, tree{leader: c.Handle()})
		return nil
	}
	path := a.Attach.Group
	if path == "" {
		var err error
		if path, err = systemctl("show", "--property=ControlGroup", "--value", a.Attach.Unit); err != nil {
			return err
		}
		if path == "" {
			return errMissing
		}
	}
	g, err := cgroup.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return errMissing
	}
	if err != nil {
		return err
	}
	if populated, err := g.Populated(); err != nil || !populated {
		return errors.Join(err, errMissing)
	}
	if g.Holds(os.Getpid()) {
		return refuse(409, "the agent itself is in the control group %s", path)
	}
	a.keep(nil, group{g})
	return nil
}

// seek keeps up with a member that its own supervisor starts again, until the agent ends.
func (a *Agent) seek() {
	for {
		time.Sleep(attachPace)
		a.order.Lock()
		a.mu.Lock()
		have := a.member != nil
		a.mu.Unlock()
		if a.closed {
			a.order.Unlock()
			return
		}
		if !have {
			_ = a.find()
		}
		a.order.Unlock()
	}
}

// startAttached runs the command that starts the member, and waits until it is there.
func (a *Agent) startAttached(variant string) error {
	if err := a.find(); !errors.Is(err, errMissing) {
		return err
	}
	cmd, err := a.command(variant)
	if err != nil {
		return err
	}
	if len(cmd.Args) == 0 && a.Attach.Unit != "" {
		cmd.Args = []string{"systemctl", "start", a.Attach.Unit}
	}
	if len(cmd.Args) == 0 {
		return refuse(501, "no COMMAND was given to start the member with")
	}
	if text, err := output(cmd); err != nil {
		return refuse(409, "start: %s: %w: %s", cmd.Args[0], err, text)
	}
	for end := time.Now().Add(attachWait); ; time.Sleep(attachPace) {
		if err := a.find(); !errors.Is(err, errMissing) {
			return err
		}
		if time.Now().After(end) {
			return refuse(409, "%s exited with status 0, but no member appeared within %v", cmd.Args[0], attachWait)
		}
	}
}

// stopAttached ends a member. A unit is told to stop as well, or systemd would start it again by its Restart=.
func (a *Agent) stopAttached(m *member, by signals.Schedule) error {
	unit := a.Attach.Unit
	if unit != "" && by[0].Signal == syscall.SIGKILL {
		if err := m.reach.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrNotFound) {
			return err
		}
	}
	if unit != "" {
		if text, err := systemctl("stop", unit); err != nil {
			return fmt.Errorf("systemctl stop %s: %w: %s", unit, err, text)
		}
	}
	_, err := stop.Run(context.Background(), m.reach, by, nil)
	return err
}

func systemctl(args ...string) (string, error) {
	text, err := output(spawn.Command{Args: append([]string{"systemctl"}, args...), Env: os.Environ()})
	if err != nil {
		return text, fmt.Errorf("systemctl %s: %w: %s", args[0], err, text)
	}
	return text, nil
}

// output runs a command to its end and returns the last line of what it printed.
func output(cmd spawn.Command) (string, error) {
	path, err := spawn.LookPath(cmd.Args[0], os.Getenv("PATH"), cmd.Dir)
	if err != nil {
		return "", err
	}
	out, err := os.CreateTemp("", "fault-agent-")
	if err != nil {
		return "", err
	}
	defer out.Close()
	_ = os.Remove(out.Name())
	cmd.Path, cmd.Stdout, cmd.Stderr = path, out, out
	c, err := child.Start(context.Background(), cmd, child.Spec{Session: true})
	if err != nil {
		return "", err
	}
	defer c.Close()
	limit := time.AfterFunc(time.Minute, func() { _ = c.Signal(syscall.SIGKILL) })
	defer limit.Stop()
	end, err := c.Reap()
	text, _ := io.ReadAll(io.NewSectionReader(out, 0, 64<<10))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err == nil && (end.Code != 0 || end.Signal != 0) {
		err = errors.New(end.String())
	}
	return lines[len(lines)-1], err
}

// attached is how an attached agent begins: the member may run or not.
func (a *Agent) attached() error {
	err := a.find()
	if errors.Is(err, errMissing) {
		err = nil
	}
	if err == nil {
		a.mu.Lock()
		m := a.member
		a.mu.Unlock()
		if m != nil {
			err = a.resume(m)
		} else {
			a.state = fault.New
		}
		go a.seek()
	}
	return err
}
