package ready

import (
	"context"
	"fmt"
	"time"

	"pidbox/lib/duration"
	"pidbox/lib/notify"
)

const (
	silence  = time.Second            // after READY=1 no barrier is to come, in turns of a pause, none of which passes while
	turns    = 20                     // this process, and on a busy machine the sender, does not get to run
	patience = 5 * time.Second        // nor after that, whatever else is said
	overdue  = 100 * time.Millisecond // what came while this process did not run is heard before a watchdog is missed
)

// signal is what comes otherwise than by a message: that the process is ready, or why not.
type signal struct {
	ready bool
	never bool
	heard bool // what was told so far is in
	text  string
	err   error
}

// watch is the state of a Course that runs. Each timer is nil while it is not set.
type watch struct {
	*Course
	shown, lived bool // what is wanted
	settled      bool // both, and said so
	served, told bool // no barrier is to come, and said so

	grown, late, quiet, enough, missed <-chan time.Time

	due      time.Time // when it is to be ready; zero: any time
	pardoned bool      // that has passed long since, and what came meanwhile is being heard
	reason   string    // why it is not ready yet
	interval time.Duration
	deferred int // how often a missed watchdog was put off
	turns    int // of silence, until no barrier is to come
}

func (c *Course) run(since time.Time) {
	w := &watch{Course: c, interval: c.want.Watchdog}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch {
	case c.want.Notify:
		go c.hear()
	case c.want.Descriptor != 0:
		go c.await()
	case len(c.want.Checks) > 0:
		go c.ask(ctx)
	default:
		w.shown = true
	}
	if w.lived = c.want.MinUptime == 0; !w.lived {
		w.grown = time.After(time.Until(since.Add(c.want.MinUptime)))
	}
	if c.want.Timeout > 0 && !w.shown {
		w.extend(since.Add(c.want.Timeout))
	}
	w.settle()
	for {
		select {
		case <-c.closed:
			return
		case m := <-c.said:
			w.take(m)
		case s := <-c.shows:
			w.show(s)
		case <-w.grown:
			w.lived, w.grown = true, nil
			w.settle()
		case <-w.late:
			w.expire()
		case <-w.quiet:
			w.hush()
		case <-w.enough:
			w.serve()
		case <-w.missed:
			w.miss()
		}
	}
}

// post hands an event over, unless nobody wants it any more.
func (w *watch) post(e Event) {
	select {
	case w.events <- e:
	case <-w.closed:
		if e.Main != nil {
			e.Main.Close()
		}
	}
}

// settle is for when something of what is wanted has come.
func (w *watch) settle() {
	if w.settled || !w.shown || !w.lived {
		return
	}
	w.settled, w.late = true, nil
	w.post(Event{Kind: Ready})
	w.wind()
	w.finish()
}

func (w *watch) show(s signal) {
	switch {
	case s.heard:
		w.post(Event{Kind: Heard})
	case s.err != nil:
		w.post(Event{Kind: Failed, Err: s.err})
	case s.never:
		w.late = nil
		w.post(Event{Kind: Never, Text: s.text})
	case s.ready:
		w.shown, w.late = true, nil
		if s.text != "" {
			w.post(Event{Kind: Status, Text: s.text})
		}
		w.settle()
	default:
		w.reason = s.text
	}
}

// take is for a message of sd_notify(3).
func (w *watch) take(m *notify.Message) {
	defer m.Close()
	if why := w.doubt(m); why != "" {
		w.post(Event{Kind: Ignored, Text: why})
		return
	}
	s := m.State()
	if s.Errno != 0 {
		w.post(Event{Kind: Status, Text: s.Errno.Error()})
	}
	if s.Status != "" {
		w.post(Event{Kind: Status, Text: s.Status})
	}
	if s.Extend > 0 && !w.shown && !w.due.IsZero() {
		w.extend(time.Now().Add(s.Extend))
	}
	if s.MainPID != 0 && w.want.Follow {
		w.name(s.MainPID)
	}
	if s.Watchdog > 0 && w.want.Watchdog > 0 {
		w.interval = s.Watchdog
	}
	if s.Ping || s.Watchdog > 0 {
		w.wind()
	}
	if s.Hung {
		w.post(Event{Kind: Hung, Text: "it says that it hangs"})
	}
	w.progress(s)
}

// progress is the part of a message that brings it to its end.
func (w *watch) progress(s notify.State) {
	switch {
	case s.Stopping:
		if !w.settled {
			w.shown, w.reason = false, "it says that it stops"
			w.extend(w.due)
		}
		w.post(Event{Kind: Stopping})
	case s.Ready && !w.shown:
		w.shown, w.late = true, nil
		w.enough = time.After(patience)
		w.settle()
	}
	switch {
	case w.served || !w.shown:
	case s.Barrier:
		w.serve()
	default:
		w.turns = turns
		w.quiet = time.After(silence / turns)
	}
}

// hush is the end of a turn of silence.
func (w *watch) hush() {
	if w.turns--; w.turns > 0 {
		w.quiet = time.After(silence / turns)
		return
	}
	w.serve()
}

// serve is for when no barrier is to be waited for any more.
func (w *watch) serve() {
	w.served, w.quiet, w.enough = true, nil, nil
	w.finish()
}

func (w *watch) finish() {
	if w.settled && w.served && !w.told {
		w.told = true
		w.post(Event{Kind: Served})
	}
}

// extend gives it time until then. It never gets less than it had.
func (w *watch) extend(until time.Time) {
	if until.IsZero() || until.Before(w.due) {
		return
	}
	w.due, w.late = until, time.After(time.Until(until))
}

// expire is for the end of that. While this process was stopped, or did not get to run, what it waits for may have come.
func (w *watch) expire() {
	if !w.pardoned && time.Since(w.due) > overdue {
		w.pardoned, w.late = true, time.After(overdue)
		return
	}
	w.late = nil
	w.post(Event{Kind: Late, Text: w.reason})
}

// wind starts the watchdog's time anew.
func (w *watch) wind() {
	if w.settled && w.interval > 0 {
		w.missed, w.deferred = time.After(w.interval), 0
	}
}

// miss is for the end of that. While this process was stopped, or did not get to run, pings may have come.
func (w *watch) miss() {
	if w.deferred < 3 && w.socket.Pending() {
		w.deferred++
		w.missed = time.After(overdue)
		return
	}
	w.missed = nil
	w.post(Event{Kind: Hung, Text: fmt.Sprintf("no WATCHDOG=1 in %s", duration.Format(w.interval))})
}
