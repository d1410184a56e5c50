package pidfile

import (
	"errors"
	"fmt"
	"time"

	"pidbox/lib/proc"
)

// slack is how much later than the file's last change its process may have started: a start time is known to 10 ms,
// a file's time to the last timer tick.
const slack = 100 * time.Millisecond

// judge decides what the file says about its process. A record is compared with this boot and PID namespace before
// the number is looked up, because in another namespace it means a stranger; the identity is read after the process
// was opened, so that it is the open one's.
func (h *Holder) judge(rules Rules) error {
	if id, err := proc.ParseIdentity(h.seen.record); err == nil && id.PID == h.PID {
		h.Recorded = &id
		switch id.Compare(proc.Here()) {
		case proc.OtherBoot:
			h.State, h.Why = Stale, fmt.Sprintf("process %d was claimed before the last boot", h.PID)
			return nil
		case proc.OtherNamespace:
			h.State, h.Why = Foreign, fmt.Sprintf("process %d was claimed in another PID namespace", h.PID)
			return nil
		}
	}
	return h.find(rules)
}

// find opens the process of that number, and keeps it if it is, or may be, the one meant.
func (h *Holder) find(rules Rules) error {
	p, err := proc.Open(h.PID)
	if errors.Is(err, proc.ErrNotFound) {
		h.State, h.Why = Stale, fmt.Sprintf("there is no process %d", h.PID)
		return nil
	}
	if err != nil {
		return err
	}
	h.Process = p
	alive, err := p.Alive()
	if err != nil {
		return err
	}
	if !alive {
		h.dismiss("process %d is a zombie: it has ended, and its parent has not noticed", h.PID)
		return nil
	}
	if h.Recorded != nil {
		now, err := p.Identity()
		if err != nil && !errors.Is(err, proc.ErrNotFound) {
			return err
		}
		switch verdict := h.Recorded.Compare(now); {
		case err != nil || verdict == proc.Different:
			h.dismiss("process %d is not the one that was claimed: the number is in use again", h.PID)
			return nil
		case verdict == proc.Same:
			h.State, h.Why = Running, fmt.Sprintf("process %d is the one that was claimed", h.PID)
			return nil
		case now.Inode == 0 && now.Start == 0 && (h.Recorded.Inode != 0 || h.Recorded.Start != 0):
			h.doubt(rules, fmt.Sprintf("whether process %d is the one that was claimed cannot be told without pidfds and /proc", h.PID))
			return nil
		}
	}
	return h.guess(rules)
}

// guess judges a live process by its number alone, there being no record of it.
func (h *Holder) guess(rules Rules) error {
	ok, why, err := h.Process.Meets(rules.Match)
	if err != nil && !errors.Is(err, proc.ErrNotFound) {
		return err
	}
	if err != nil || !ok {
		h.dismiss("process %d is not the one meant: %s", h.PID, why)
		return nil
	}
	info, err := h.Process.Info()
	switch {
	case errors.Is(err, proc.ErrNotFound):
		h.dismiss("process %d has ended", h.PID)
	case err != nil:
		return err
	case h.PID == 1:
		h.doubt(rules, "process 1 is init, and the file has no record of who claimed it")
		if h.State == Running {
			h.State = Doubtful // whatever the caller believes, init is not signalled on the word of a number
		}
	case info.Started.After(h.seen.modified.Add(slack)):
		h.doubt(rules, fmt.Sprintf("process %d started at %s, after the file was written at %s; the number may be in use again, or the clock was set",
			h.PID, clock(info.Started), clock(h.seen.modified)))
	case info.Started.IsZero() && proc.BootTime().After(h.seen.modified.Add(slack)):
		h.doubt(rules, fmt.Sprintf("the file was written at %s, before this boot at %s, or the clock was set", clock(h.seen.modified), clock(proc.BootTime())))
	default:
		h.State, h.Why = Running, fmt.Sprintf("process %d lives, and the file has no record that would contradict", h.PID)
	}
	return nil
}

// doubt leaves the verdict to the caller's rules.
func (h *Holder) doubt(rules Rules, why string) {
	h.State, h.Why = Doubtful, why
	switch rules.Unrecorded {
	case Running:
		h.State = Running
	case Stale:
		h.dismiss("%s", why)
	}
}

// dismiss lets go of a process that is not the one.
func (h *Holder) dismiss(format string, args ...any) {
	h.Process.Close()
	h.Process = nil
	h.State, h.Why = Stale, fmt.Sprintf(format, args...)
}

func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05.000") }
