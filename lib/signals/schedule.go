package signals

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/duration"
)

// Step is one signal and how long to wait for the end after it. Forever marks the step from which the rest of
// the schedule is repeated until the end comes.
type Step struct {
	Signal  syscall.Signal
	Wait    time.Duration
	Forever bool
}

// Schedule is the steps of a stop, in order; at most one of them has Forever set.
type Schedule []Step

// leastRest is how long a schedule that repeats has to wait in each round.
const leastRest = 10 * time.Millisecond

// lastWait is what follows a last signal that names no wait: even KILL takes a moment to be seen.
const lastWait = 5 * time.Second

// Default is TERM/20/KILL/5.
func Default() Schedule {
	return Schedule{{Signal: syscall.SIGTERM, Wait: 20 * time.Second}, {Signal: syscall.SIGKILL, Wait: lastWait}}
}

// ParseSchedule reads the schedules of start-stop-daemon(8), with units: TERM/20/KILL/5, INT/500ms/-9/2,
// forever/TERM/10, or a bare wait N for TERM/N/KILL/N. A signal's number needs a dash, a bare number being a
// wait; forever repeats what follows it. A last signal without a wait is given 5 s. An error says which step of
// the text, counted from 1, is wrong.
func ParseSchedule(text string) (Schedule, error) {
	if wait, err := duration.Parse(text); err == nil {
		return Schedule{{Signal: syscall.SIGTERM, Wait: wait}, {Signal: syscall.SIGKILL, Wait: wait}}, nil
	}
	p := parser{repeat: -1}
	for i, word := range strings.Split(text, "/") {
		if err := p.take(word); errors.Is(err, errSlashes) {
			return nil, fmt.Errorf("schedule %q: %w", text, err)
		} else if err != nil {
			return nil, fmt.Errorf("schedule %q: step %d: %w", text, i+1, err)
		}
	}
	if err := p.end(); err != nil {
		return nil, fmt.Errorf("schedule %q: %w", text, err)
	}
	return p.steps, nil
}

// errSlashes is of a step that has another mark between its parts.
var errSlashes = errors.New("signals and waits stand in turn, with slashes between them: TERM/20/KILL/5")

type parser struct {
	steps  Schedule
	repeat int  // the index of the first repeated step, or -1
	waited bool // the last word was a wait
}

func (p *parser) take(word string) error {
	if word == "" {
		return fmt.Errorf("it is empty")
	}
	if word == "forever" {
		if p.repeat >= 0 {
			return fmt.Errorf("forever appears a second time")
		}
		p.repeat, p.waited = len(p.steps), false
		return nil
	}
	if wait, err := duration.Parse(word); err == nil {
		return p.wait(word, wait)
	}
	name := strings.TrimPrefix(word, "-")
	sig, err := Parse(name)
	if err != nil {
		if strings.ContainsAny(word, ",:; ") {
			return errSlashes
		}
		return fmt.Errorf("%q is neither a signal such as TERM nor a wait such as 20 or 500ms", word)
	}
	p.steps = append(p.steps, Step{Signal: sig, Forever: len(p.steps) == p.repeat})
	p.waited = false
	return nil
}

func (p *parser) wait(word string, wait time.Duration) error {
	switch {
	case len(p.steps) == 0 || len(p.steps) == p.repeat:
		return fmt.Errorf("wait %s has no signal before it (write -%s for a signal number)", word, word)
	case p.waited:
		return fmt.Errorf("wait %s follows a wait (write -%s for a signal number)", word, word)
	}
	p.steps[len(p.steps)-1].Wait, p.waited = wait, true
	return nil
}

func (p *parser) end() error {
	switch {
	case len(p.steps) == p.repeat:
		return fmt.Errorf("nothing follows forever")
	case !p.waited && p.repeat < 0:
		p.steps[len(p.steps)-1].Wait = lastWait
	case p.repeat >= 0 && p.steps[p.repeat:].Total() < leastRest: // a busy loop of signals
		return fmt.Errorf("the waits after forever must be at least %v in all", leastRest)
	}
	return nil
}

// String is the schedule as ParseSchedule reads it.
func (s Schedule) String() string {
	var words []string
	for i, step := range s {
		if step.Forever {
			words = append(words, "forever")
		}
		name := Name(step.Signal)
		if name[0] >= '0' && name[0] <= '9' {
			name = "-" + name
		}
		words = append(words, name)
		switch {
		case step.Wait%time.Second != 0:
			words = append(words, step.Wait.String())
		case step.Wait > 0 || i == len(s)-1:
			words = append(words, strconv.FormatInt(int64(step.Wait/time.Second), 10))
		}
	}
	return strings.Join(words, "/")
}

// Total is the sum of the waits, each counted once.
func (s Schedule) Total() time.Duration {
	var sum time.Duration
	for _, step := range s {
		if sum += step.Wait; sum < 0 {
			return 1<<63 - 1
		}
	}
	return sum
}

// WithGrace replaces the first wait, which the process has to end by itself.
func (s Schedule) WithGrace(d time.Duration) Schedule {
	out := append(Schedule(nil), s...)
	for i := range out {
		if out[i].Wait > 0 || i == len(out)-1 {
			out[i].Wait = d
			break
		}
	}
	return out
}

// WithStacks puts QUIT and a wait of d, in which a Go or Java program prints its stacks, before the first KILL,
// or at the end where there is none.
func (s Schedule) WithStacks(d time.Duration) Schedule {
	at := 0
	for at < len(s) && s[at].Signal != syscall.SIGKILL {
		at++
	}
	out := append(Schedule(nil), s[:at]...)
	out = append(out, Step{Signal: syscall.SIGQUIT, Wait: d})
	return append(out, s[at:]...)
}

// Within shrinks the waits in proportion until they fit in budget; but the last, in which a KILL is seen to have
// worked, keeps up to a fifth of it. A schedule that fits is unchanged, except that nothing is repeated for ever.
func (s Schedule) Within(budget time.Duration) Schedule {
	out := append(Schedule(nil), s...)
	total := out.Total()
	for i := range out {
		out[i].Forever = false
	}
	if total <= budget {
		return out
	}
	part := func(d, of, whole time.Duration) time.Duration {
		return min(d, time.Duration(float64(d)/float64(of)*float64(whole)))
	}
	end := len(out) - 1
	last := max(part(out[end].Wait, total, budget), min(out[end].Wait, budget/5))
	if others := out[:end].Total(); others > 0 {
		for i := range out[:end] {
			out[i].Wait = part(out[i].Wait, others, budget-last)
		}
	}
	out[end].Wait = last
	return out
}
