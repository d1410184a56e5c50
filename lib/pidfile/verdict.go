package pidfile

import (
	"errors"
	"fmt"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// Proof is what the verdict on a pidfile's process rests on.
type Proof int

// The proofs, the best last.
const (
	NoRecord      Proof = iota // the PID alone, and times
	RecordedStart              // the record's start time
	RecordedInode              // the record's pidfs inode
	Bound                      // the kernel keeps the pidfile's directory and name with the process itself
)

func (p Proof) String() string {
	return [...]string{"no record", "record (start time)", "record (pidfs inode)", "bound by the kernel"}[p]
}

// look reads the file at p and judges it, without asking who wrote it: see Holder.trust. The holder takes p over.
// here is what proc.Here said, or zero if it was not asked.
func look(p *resolve.Place, rules Rules, here proc.Identity) (*Holder, error) {
	seen, err := read(p)
	if err != nil {
		return nil, err
	}
	h := absent(p.Path, p, rules)
	h.here = here
	if seen == nil {
		return h, nil
	}
	h.seen = *seen
	pid, ok := parse([]byte(seen.content))
	switch {
	case !ok:
		h.State, h.Garbage, h.Why = Nobody, excerpt([]byte(seen.content)), "its first line is not a PID"
		return h, nil
	case pid == 0:
		h.State, h.Why = Nobody, "it is empty"
		return h, nil
	}
	h.PID = pid
	if r, err := proc.ParseRecord(seen.record); err == nil && counts(r, pid, seen.modified) {
		h.record, h.Recorded = r, &r.Identity
	}
	if err := h.judge(); err != nil {
		h.free()
		return nil, fmt.Errorf("%s: %w", p.Path, err)
	}
	return h, nil
}

// judge decides what the file says about its process. A record is compared with this boot and PID namespace before the
// PID is looked up, because in another namespace it means a stranger. A process that is bound to this file is the one,
// whatever the record says.
func (h *Holder) judge() error {
	if h.Recorded != nil {
		if h.here.Boot == "" {
			h.here = proc.Here()
		}
		h.Proof = RecordedStart
		if h.Recorded.Inode != 0 {
			h.Proof = RecordedInode
		}
		switch h.Recorded.Compare(h.here) {
		case proc.OtherNamespace:
			h.State, h.Why = Foreign, fmt.Sprintf("process %d was claimed in another PID namespace", h.PID)
			return nil
		case proc.OtherBoot:
			h.State, h.Why = Stale, fmt.Sprintf("process %d was claimed before the last boot", h.PID)
			return nil
		}
	}
	p, err := proc.Open(h.PID)
	if errors.Is(err, proc.ErrNotFound) {
		h.State, h.Why = Stale, fmt.Sprintf("there is no process %d", h.PID)
		return nil
	}
	if err != nil {
		return err
	}
	h.Process = p
	switch alive, err := p.Alive(); {
	case err != nil:
		return err
	case !alive:
		h.dismiss("process %d is a zombie: it has exited, and its parent has not collected it", h.PID)
		return nil
	}
	switch h.bound = bindingOf(p, h.place); {
	case h.bound == boundHere:
		h.State, h.Proof = Running, Bound
		h.Why = fmt.Sprintf("process %d is the one that was claimed: it is bound to this file", h.PID)
		return nil
	case h.Recorded != nil:
		return h.compare()
	}
	return h.guess()
}

// compare judges a live process by the record. Its identity is read after it was opened, so that it is the open one's.
func (h *Holder) compare() error {
	return h.compared(h.Process.Compare(*h.Recorded, h.here))
}

// compared judges by the comparison, and by what is known of the live process now.
func (h *Holder) compared(verdict proc.Verdict, now proc.Identity, err error) error {
	if err != nil && !errors.Is(err, proc.ErrNotFound) {
		return err
	}
	if now.Inode == 0 {
		h.Proof = RecordedStart
	}
	switch {
	case err != nil || verdict == proc.Different:
		h.dismiss("process %d is not the one that was claimed: the PID is in use again", h.PID)
	case verdict == proc.Same:
		h.State, h.Why = Running, fmt.Sprintf("process %d is the one that was claimed", h.PID)
		if h.bound == boundElsewhere {
			h.Why += ", but for another pidfile"
		}
	case now.Inode == 0 && now.Start == 0 && (h.Recorded.Inode != 0 || h.Recorded.Start != 0):
		h.doubt("without pidfds and /proc, nothing identifies process %d", h.PID)
	default: // the record proves nothing: it is as if there were none
		h.Recorded = nil
		return h.guess()
	}
	return nil
}

// guess judges a live process by its PID alone, there being no record of it.
func (h *Holder) guess() error {
	h.Proof = NoRecord
	ok, why, err := h.Process.Meets(h.rules.Match)
	if err != nil && !errors.Is(err, proc.ErrNotFound) {
		return err
	}
	if err != nil || !ok {
		h.dismiss("process %d is not the one meant: %s", h.PID, why)
		return nil
	}
	info, err := h.Process.Info()
	boot, now, written := proc.BootTime(), time.Now(), h.seen.modified
	slack := slackOf(written)
	switch {
	case errors.Is(err, proc.ErrNotFound):
		h.dismiss("process %d has exited", h.PID)
	case err != nil:
		return err
	case h.PID == 1 && h.rules.Match.Empty():
		h.doubt("process 1 is init, and the file has no record of who claimed it")
		if h.State == Running {
			h.State = Doubtful // whatever the caller believes, init is not signalled on the word of a PID
		}
	case written.After(now.Add(slack)):
		h.doubt("the file was written at %s, which is in the future: the clock was set", clock(written))
	case info.Started.After(written.Add(slack)):
		h.doubt("process %d started at %s, after the file was written at %s; the PID may be in use again, or the clock was set",
			h.PID, clock(info.Started), clock(written))
	case !boot.IsZero() && boot.After(written.Add(slack)):
		h.doubt("the file was written at %s, before this boot at %s, or the clock was set", clock(written), clock(boot))
	default:
		h.State, h.Why = Running, fmt.Sprintf("process %d is running; the file has no record to check it against", h.PID)
	}
	return nil
}

// slackOf is how much later than the file's time of change its process may have started: a start time is known to 10 ms,
// a file's time to the last timer tick. File systems that keep whole seconds, or whole pairs of them (FAT), round down.
func slackOf(modified time.Time) time.Duration {
	const slack = 100 * time.Millisecond
	switch {
	case modified.Nanosecond() != 0:
		return slack
	case modified.Unix()%2 != 0:
		return slack + time.Second
	}
	return slack + 2*time.Second
}

// doubt leaves the verdict to the caller's rules.
func (h *Holder) doubt(format string, args ...any) {
	h.State, h.Why = Doubtful, fmt.Sprintf(format, args...)
	switch h.rules.Unrecorded {
	case Running:
		h.State = Running
	case Stale:
		h.dismiss(format, args...)
	}
}

// dismiss closes a process that is not the one.
func (h *Holder) dismiss(format string, args ...any) {
	h.free()
	h.State, h.Why = Stale, fmt.Sprintf(format, args...)
}

func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05.000") }
