package supervise

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/duration"
)

// Policy says whether and when an ended command is started again.
type Policy struct {
	Free         int           // restarts that wait for nothing
	Max          time.Duration // the longest delay
	HealthyAfter time.Duration // a run of at least this long starts the count of restarts over
	Limit        Limit         // how many restarts are too many
	Final        []int         // exit codes after which there is no restart
}

// Limit is a number of restarts in a stretch of time: one more within it is too many. The zero value has no limit;
// an Within of 0 counts over the whole life.
type Limit struct {
	Restarts int
	Within   time.Duration
	Set      bool
}

// ParseLimit reads N or N/D.
func ParseLimit(s string) (Limit, error) {
	count, within, spanned := strings.Cut(s, "/")
	n, err := strconv.ParseUint(count, 10, 31)
	if err != nil {
		return Limit{}, fmt.Errorf("%q is not a number of restarts, N or N/DURATION", s)
	}
	l := Limit{Restarts: int(n), Set: true}
	if !spanned {
		return l, nil
	}
	if l.Within, err = duration.Parse(within); err != nil {
		return Limit{}, err
	}
	if l.Within == 0 {
		return Limit{}, errors.New("the time of a limit must be greater than zero")
	}
	return l, nil
}

func (l Limit) String() string {
	text := strconv.Itoa(l.Restarts) + " restarts"
	if l.Restarts == 1 {
		text = "1 restart"
	}
	if l.Within > 0 {
		text += " in " + duration.Format(l.Within)
	}
	return text
}

// Backoff applies a policy to the ends of one command. The zero count is that of a command never restarted.
type Backoff struct {
	Policy
	failures int         // restarts since the last healthy run
	recent   []time.Time // the restarts that Limit still counts
}

// Next is the delay before a command that ran for that long, less than 0 if it was not even started, is started again,
// or ErrGaveUp. Only the time from start to exit makes a run healthy: were the delay counted, the longest delays would
// always start over.
func (b *Backoff) Next(now time.Time, ran time.Duration) (time.Duration, error) {
	if ran >= b.HealthyAfter {
		b.failures = 0
	}
	if b.exhausted(now) {
		return 0, fmt.Errorf("%w: more than %v", ErrGaveUp, b.Limit)
	}
	b.failures++
	return b.delay(b.failures), nil
}

// Reset forgets the failures, for a restart that somebody asked for.
func (b *Backoff) Reset() { b.failures = 0 }

// IsFinal says whether an exit code ends the supervision.
func (b *Backoff) IsFinal(e End) bool {
	return e.Signal == 0 && e.Reason == "" && slices.Contains(b.Final, e.Code)
}

func (b *Backoff) delay(failures int) time.Duration {
	n := failures - b.Free
	if n <= 0 {
		return 0
	}
	d := b.Max
	if n < 31 { // 2^31 s are 68 years
		d = min(b.Max, time.Second<<n)
	}
	return d
}

// exhausted counts one more restart, or says that it would be too many. It keeps no more than Limit.Restarts times.
func (b *Backoff) exhausted(now time.Time) bool {
	if !b.Limit.Set {
		return false
	}
	if b.Limit.Within > 0 {
		b.recent = slices.DeleteFunc(b.recent, func(t time.Time) bool { return now.Sub(t) >= b.Limit.Within })
	}
	if len(b.recent) >= b.Limit.Restarts {
		return true
	}
	b.recent = append(b.recent, now)
	return false
}
