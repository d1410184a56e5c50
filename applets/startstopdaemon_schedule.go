//go:build !pidbox_some || applet_start_stop_daemon

package applets

import (
	"strings"
	"syscall"
	"time"

	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// scheduleOf reads --retry as dpkg does: any order of signals and waits, where pid-kill's wants a signal before a wait.
func (o *ssd) scheduleOf(text string) (signals.Schedule, error) {
	items := strings.Split(text, "/")
	if len(items) == 1 {
		wait, ok := unsigned(text, 10)
		if _, err := o.item(text); err != nil {
			return nil, err
		}
		if !ok || text[0] < '0' || text[0] > '9' {
			return nil, wrong("--retry takes timeout, or schedule list of at least two items")
		}
		d := time.Duration(wait) * time.Second
		if o.dialect.name == "openrc" {
			return signals.Schedule{{Signal: o.plan.signal, Wait: d}}, nil
		}
		return signals.Schedule{{Signal: o.plan.signal, Wait: d}, {Signal: syscall.SIGKILL, Wait: d}}, nil
	}
	var list signals.Schedule
	repeat, waited := -1, true
	for _, item := range items {
		step, err := o.item(item)
		switch {
		case err != nil:
			return nil, err
		case item == "forever" && repeat >= 0:
			return nil, wrong("invalid schedule: 'forever' appears more than once")
		case item == "forever":
			repeat, waited = len(list), true
		case step.Wait >= 0 && !waited: // the wait after a signal
			list[len(list)-1].Wait, waited = step.Wait, true
		case step.Wait >= 0: // a wait alone: signal 0 only looks
			list = append(list, step)
		default:
			step.Wait = 0
			list, waited = append(list, step), false
		}
	}
	if repeat == len(list) {
		return nil, wrong("invalid schedule: 'forever' appears last, nothing to repeat")
	}
	last := &list[len(list)-1]
	if repeat >= 0 {
		list[repeat].Forever = true
		last.Wait = max(last.Wait, 20*time.Millisecond) // no busy loop of signals
	} else if last.Signal == syscall.SIGKILL && last.Wait == 0 {
		last.Wait = 5 * time.Second // in which it is seen to work
	}
	return list, nil
}

// item is one signal, with a wait of -1, or a wait with signal 0.
func (o *ssd) item(s string) (signals.Step, error) {
	const longest = 20
	switch {
	case len(s) >= longest:
		return signals.Step{}, wrong("invalid schedule item: far too long (you must delimit items with slashes)")
	case s == "forever":
		return signals.Step{}, nil
	case s != "" && s[0] >= '0' && s[0] <= '9':
		n, ok := unsigned(s, 10)
		if !ok {
			return signals.Step{}, wrong("invalid timeout value in schedule")
		}
		return signals.Step{Wait: time.Duration(n) * time.Second}, nil
	}
	sig, err := o.signalOf(strings.TrimPrefix(s, "-"))
	if err != nil {
		return signals.Step{}, wrong("invalid schedule item (must be [-]<signal-name>, -<signal-number>, <timeout> or 'forever'")
	}
	return signals.Step{Signal: sig, Wait: -1}, nil
}

// scheduler reads --procsched, or OpenRC's --scheduler and --scheduler-priority.
func (o *ssd) scheduler(s string) error {
	policy, text, given := strings.Cut(s, ":")
	if o.dialect.name == "openrc" {
		text, given = o.priority, o.priority != ""
	}
	priority, ok := unsigned(text, 10)
	if given && !ok {
		return errInvalid("invalid process scheduler priority")
	}
	known := map[string]int{"other": 0, "fifo": 1, "rr": 2}
	if o.dialect.name == "openrc" {
		known["batch"], known["idle"] = 3, 5
	}
	number, ok := known[policy]
	if n, is := unsigned(policy, 10); !ok && is && o.dialect.name == "openrc" {
		number, ok = n, true
	}
	least, most := 0, 0
	if number == 1 || number == 2 {
		least, most = 1, 99
		if text == "" && o.dialect.name == "openrc" {
			priority = least
		}
	} else if o.dialect.name == "dpkg" {
		priority = 0
	}
	switch {
	case !ok:
		return wrong("invalid process scheduler policy")
	case priority < least:
		return wrong("process scheduler priority less than min")
	case priority > most:
		return wrong("process scheduler priority greater than max")
	}
	o.plan.sched, o.plan.schedAs = &spawn.Scheduler{Policy: number, Priority: priority}, policy
	return nil
}

// ioScheduler reads --iosched, or OpenRC's --ionice, whose classes are numbers.
func (o *ssd) ioScheduler(s string) error {
	const shift, idle = 13, 3
	class, text, given := strings.Cut(s, ":")
	priority, ok := unsigned(text, 10)
	if given && !ok {
		return errInvalid("invalid IO scheduler priority")
	}
	if !given && o.dialect.name != "openrc" {
		priority = 4
	}
	known := map[string]int{"real-time": 1, "best-effort": 2, "idle": idle}
	if o.dialect.name == "openrc" {
		known = map[string]int{"0": 0, "1": 1, "2": 2, "3": idle}
	}
	number, ok := known[class]
	if number == idle {
		priority = 7
	}
	switch {
	case !ok:
		return wrong("invalid IO scheduler policy")
	case priority > 7:
		return wrong("IO scheduler priority greater than max")
	}
	value := number<<shift | priority
	o.plan.io, o.plan.ioAs = &value, class
	return nil
}

type errInvalid string

func (e errInvalid) Error() string { return string(e) }
