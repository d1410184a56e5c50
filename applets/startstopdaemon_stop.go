//go:build !pidbox_some || applet_start_stop_daemon

package applets

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
	"pidbox/lib/stop"
)

// matched is what the command line means: processes that were opened and then checked, and the pidfile that named them.
type matched struct {
	*proc.Matches
	holder *pidfile.Holder // nil without a pidfile
}

func (m *matched) close() {
	m.Close()
	if m.holder != nil {
		m.holder.Close()
	}
}

// removeWait is how long --remove-pidfile waits for the end of a process that got one signal.
const removeWait = 2 * time.Second

// ended reports that the process of the pidfile, whether or not it met the other conditions, is seen to be gone.
func (m *matched) ended() bool {
	if m.holder == nil || m.holder.State != pidfile.Running {
		return true
	}
	alive, err := m.holder.Process.Alive()
	return err == nil && !alive
}

// find judges the pidfile by its record, or else by times, where one is given; or opens --pid; or searches. What is
// found has to meet the other conditions too.
func (o *ssd) find() (*matched, error) {
	p := o.plan
	switch {
	case p.nothing:
		return o.candidate(nil, nil)
	case p.pid != 0:
		h, err := proc.Open(p.pid)
		if err != nil && !errors.Is(err, proc.ErrNotFound) {
			return nil, err
		}
		return o.candidate(h, nil)
	case o.given("pidfile") && o.pidfile == "":
		return o.candidate(nil, nil)
	case o.given("pidfile"):
		holder, err := pidfile.Read(o.pidfile, o.rules())
		if garbage := as[*pidfile.GarbageError](err); garbage != nil && !garbage.Numbered() {
			return o.candidate(nil, &pidfile.Holder{State: pidfile.Nobody, Why: "its first line is not a PID"})
		}
		if err != nil {
			return nil, err
		}
		h, err := holder.Live()
		if err != nil {
			return nil, err
		}
		return o.candidate(h, holder)
	}
	found, err := proc.Search(p.pattern)
	return &matched{found, nil}, err
}

func (o *ssd) candidate(h *proc.Handle, holder *pidfile.Holder) (*matched, error) {
	none := &matched{proc.Only(nil), holder}
	if h == nil {
		return none, nil
	}
	fits, err := o.plan.pattern.Fits(h)
	if err != nil || !fits {
		return none, err
	}
	return &matched{proc.Only(h), holder}, nil
}

// status is --status, in the words of the LSB.
func (o *ssd) status() error {
	found, err := o.find()
	if err != nil {
		return err
	}
	defer found.close()
	switch h := found.holder; {
	case len(found.PIDs()) > 0:
		return nil
	case h != nil && h.State == pidfile.Nobody:
		return applet.Fail(applet.Unsafe, "%s: %s", o.pidfile, h.Why)
	case h != nil && h.State != pidfile.Absent:
		return applet.Exit(applet.No)
	}
	return applet.Exit(applet.Absent)
}

// stop is --stop: each that matches is signalled through the descriptor on which it was checked.
func (o *ssd) stop(c *applet.Call) error {
	found, err := o.find()
	if err != nil {
		return err
	}
	defer found.close()
	switch {
	case o.test:
		return o.wouldStop(c, found)
	case len(found.PIDs()) == 0:
		return o.finish(c, found, false, 0, found.ended())
	}
	schedule := o.plan.schedule
	once := schedule == nil
	if o.stopGroup {
		return o.stopGroups(c, found)
	}
	if once {
		schedule = signals.Schedule{{Signal: o.plan.signal}}
		if o.remove { // which is only right once it is gone
			schedule[0].Wait = removeWait
		}
	}
	any, failed, retries := false, 0, 0
	told := &tellingTarget{Matches: found.Matches, after: func(s syscall.Signal) {
		any = any || len(found.Sent()) > 0
		failed = o.tellSignal(c, found, s, retries)
		retries++
	}}
	_, err = stop.Run(context.Background(), told, schedule, nil)
	switch {
	case once && failed > 0 && o.dialect.name == "dpkg":
		o.info(c, "%d pids were not killed", failed)
	case !once && errors.Is(err, stop.ErrSurvived):
		return o.survived(c, len(found.PIDs()))
	}
	if err != nil && failed == 0 && !errors.Is(err, stop.ErrSurvived) && !errors.Is(err, proc.ErrNotFound) {
		return err
	}
	return o.finish(c, found, any, failed, err == nil || errors.Is(err, proc.ErrNotFound))
}

// finish is the end of a stop, whether or not there was something to do; ended says that no process of the pidfile's
// was left. While there is one its pidfile stays, for without it the next start would be a second one.
func (o *ssd) finish(c *applet.Call, found *matched, any bool, failed int, ended bool) error {
	if h := found.holder; h != nil && h.PID != 0 && failed == 0 && (o.remove || o.dialect.name == "openrc") {
		switch {
		case ended:
			err := pidfile.Release(context.Background(), h)
			if err != nil && !errors.Is(err, pidfile.ErrChanged) {
				return err
			}
		case o.remove:
			c.Say("%s is not removed: process %d is still running", o.pidfile, h.PID)
		}
	}
	switch {
	case failed > 0 && !any: // it is there, and was not signalled: not even --oknodo makes that good
		o.info(c, "No %s found running; none killed.", o.what())
		return applet.Exit(applet.No)
	case any && o.dialect.name == "busybox" && !o.quiet:
		o.info(c, "stopped %s (pid%s)", o.what(), numbers(found.Sent()))
		return nil
	case any:
		return nil
	case o.dialect.name == "openrc":
		if o.oknodo || o.test {
			return applet.Exit(applet.No)
		}
		return nil
	case o.dialect.name == "busybox":
		o.info(c, "no %s found; none killed", o.what())
	default:
		o.info(c, "No %s found running; none killed.", o.what())
	}
	return o.nothingDone()
}

func (o *ssd) survived(c *applet.Call, left int) error {
	if o.dialect.name == "openrc" {
		return applet.Fail(applet.No, "%d process(es) refused to stop", left)
	}
	o.info(c, "Program %s, %d process(es), refused to die.", o.what(), left)
	return applet.Exit(applet.Survived)
}

func (o *ssd) wouldStop(c *applet.Call, found *matched) error {
	if o.plan.schedule != nil && o.retry != "" {
		o.info(c, "Ignoring --retry in test mode")
	}
	for _, pid := range found.PIDs() {
		switch kind := "PID"; o.dialect.name {
		case "dpkg":
			o.info(c, "Would send signal %d to %d.", o.plan.signal, pid)
		case "openrc":
			if o.stopGroup {
				kind = "GID"
			}
			o.info(c, "Would send signal %d to %s %d", o.plan.signal, kind, pid)
		}
	}
	if len(found.PIDs()) > 0 {
		if o.dialect.name == "busybox" {
			o.info(c, "stopped %s (pid%s)", o.what(), numbers(found.PIDs()))
		}
		return nil
	}
	return o.finish(c, &matched{found.Matches, nil}, false, 0, false)
}

// tellSignal prints who was signalled, and who could not be.
func (o *ssd) tellSignal(c *applet.Call, found *matched, s syscall.Signal, retry int) (failed int) {
	for pid, err := range found.Denied() {
		if failed++; s != 0 {
			c.Say("warning: failed to kill %d: %v", pid, spawn.Words(err))
		}
	}
	if o.verbose && len(found.Sent()) > 0 && o.dialect.name == "dpkg" {
		text := fmt.Sprintf("Stopped %s (pid%s)", o.what(), numbers(found.Sent()))
		if retry > 0 {
			text += fmt.Sprintf(", retry #%d", retry)
		}
		o.info(c, "%s.", text)
	}
	return failed
}

// what is the words for that which is stopped.
func (o *ssd) what() string {
	switch {
	case o.name != "":
		return o.name
	case o.exec != "":
		return o.exec
	case o.given("pidfile"):
		return fmt.Sprintf("process in pidfile '%s'", o.pidfile)
	case o.user != "":
		return fmt.Sprintf("process(es) owned by '%s'", o.user)
	case o.pid != "":
		return "process with pid " + o.pid
	}
	return "process(es) with parent pid " + o.ppid
}

func numbers(pids []int) (text string) {
	for _, pid := range pids {
		text += fmt.Sprintf(" %d", pid)
	}
	return text
}

// tellingTarget hears of each signal after it was sent.
type tellingTarget struct {
	*proc.Matches
	after func(syscall.Signal)
}

func (t *tellingTarget) Signal(s syscall.Signal) error {
	err := t.Matches.Signal(s)
	t.after(s)
	return err
}
