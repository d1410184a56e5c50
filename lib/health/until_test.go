//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// fake answers by script, one per attempt, the last for ever; each answer takes its time.
type fake struct {
	answers []error
	takes   time.Duration
	at      []time.Duration // when it was asked, since the first test of the bubble
	start   time.Time
}

func (f *fake) String() string { return "fake" }

func (f *fake) Check(ctx context.Context) error {
	f.at = append(f.at, time.Since(f.start))
	if !sleep(ctx, f.takes) && f.takes > 0 {
		return errors.New("no answer")
	}
	err := f.answers[0]
	if len(f.answers) > 1 {
		f.answers = f.answers[1:]
	}
	return err
}

var errDown = errors.New("down")

// inTime runs Until in virtual time.
func inTime(t *testing.T, limit time.Duration, p Pace, fakes ...*fake) (r Result, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		var checks []Check
		for _, f := range fakes {
			f.start = time.Now()
			checks = append(checks, f)
		}
		r, err = Until(ctx, checks, p, nil)
	})
	return r, err
}

func TestUntil(t *testing.T) {
	up := func(n int) []error { // healthy on the n-th answer
		a := make([]error, n)
		for i := range n - 1 {
			a[i] = errDown
		}
		return a
	}
	never := []error{errDown}
	for name, c := range map[string]struct {
		p        Pace
		limit    time.Duration
		fakes    []*fake
		err      error
		elapsed  time.Duration
		attempts int
		reason   string // of the first unsettled
	}{
		"at once":           {fakes: []*fake{{answers: up(1)}}, attempts: 1},
		"third":             {p: Pace{Interval: time.Second}, fakes: []*fake{{answers: up(3)}}, elapsed: 2 * time.Second, attempts: 3},
		"slow answers":      {p: Pace{Interval: time.Second}, fakes: []*fake{{answers: up(3), takes: 300 * time.Millisecond}}, elapsed: 2300 * time.Millisecond, attempts: 3},
		"too slow":          {p: Pace{Interval: time.Second, TryTimeout: 2 * time.Second}, limit: 5 * time.Second, fakes: []*fake{{answers: up(1), takes: time.Hour}}, err: context.DeadlineExceeded, elapsed: 5 * time.Second, attempts: 3, reason: "no answer"},
		"never":             {p: Pace{Interval: time.Second}, limit: 3500 * time.Millisecond, fakes: []*fake{{answers: never}}, err: context.DeadlineExceeded, elapsed: 3500 * time.Millisecond, attempts: 4, reason: "down"},
		"interval too long": {p: Pace{Interval: time.Hour}, limit: time.Second, fakes: []*fake{{answers: never}}, err: context.DeadlineExceeded, elapsed: time.Second, attempts: 1, reason: "down"},
		"cut keeps reason":  {p: Pace{Interval: 900 * time.Millisecond}, limit: time.Second, fakes: []*fake{{answers: never, takes: 500 * time.Millisecond}}, err: context.DeadlineExceeded, elapsed: time.Second, attempts: 1, reason: "down"},
		"cut tells long":    {p: Pace{Interval: time.Second}, limit: 2300 * time.Millisecond, fakes: []*fake{{answers: never, takes: 1200 * time.Millisecond}}, err: context.DeadlineExceeded, elapsed: 2300 * time.Millisecond, attempts: 2, reason: "no answer"},
		"delayed":           {p: Pace{InitialDelay: time.Minute}, fakes: []*fake{{answers: up(1)}}, elapsed: time.Minute, attempts: 1},
		"delayed beyond":    {p: Pace{InitialDelay: time.Minute}, limit: time.Second, fakes: []*fake{{answers: up(1)}}, err: context.DeadlineExceeded, elapsed: time.Second},
		"in a row":          {p: Pace{Interval: time.Second, Successes: 3}, fakes: []*fake{{answers: []error{nil, nil, errDown, nil}}}, elapsed: 5 * time.Second, attempts: 6},
		"too few":           {p: Pace{Interval: time.Second, Successes: 3}, limit: 1500 * time.Millisecond, fakes: []*fake{{answers: up(1)}}, err: context.DeadlineExceeded, elapsed: 1500 * time.Millisecond, attempts: 2, reason: ErrTooFew.Error()},
		"inverted":          {p: Pace{Interval: time.Second, Invert: true}, fakes: []*fake{{answers: []error{nil, nil, errDown}}}, elapsed: 2 * time.Second, attempts: 3},
		"inverted never":    {p: Pace{Interval: time.Second, Invert: true}, limit: time.Second / 2, fakes: []*fake{{answers: up(1)}}, err: context.DeadlineExceeded, elapsed: time.Second / 2, attempts: 1, reason: ErrStillHealthy.Error()},
		"inverted too few":  {p: Pace{Interval: time.Second, Invert: true, Successes: 3}, limit: 1500 * time.Millisecond, fakes: []*fake{{answers: never}}, err: context.DeadlineExceeded, elapsed: 1500 * time.Millisecond, attempts: 2, reason: "down, but not often enough in a row"},
		"once":              {p: Pace{Once: true}, fakes: []*fake{{answers: up(1)}}, attempts: 1},
		"once no":           {p: Pace{Once: true}, fakes: []*fake{{answers: up(2)}}, err: ErrUnhealthy, attempts: 1, reason: "down"},
		"once inverted":     {p: Pace{Once: true, Invert: true}, fakes: []*fake{{answers: up(2)}}, attempts: 1},
		"once silent":       {p: Pace{Once: true}, limit: time.Second, fakes: []*fake{{answers: up(1), takes: time.Hour}}, err: context.DeadlineExceeded, elapsed: time.Second, attempts: 1, reason: "no answer"},
		"inverted silent":   {p: Pace{Once: true, Invert: true}, limit: time.Second, fakes: []*fake{{answers: up(1), takes: time.Hour}}, elapsed: time.Second, attempts: 1},
		"once any":          {p: Pace{Once: true, Any: true}, fakes: []*fake{{answers: never}, {answers: up(1), takes: time.Second}}, elapsed: time.Second, attempts: 2},
		"all":               {p: Pace{Interval: time.Second}, fakes: []*fake{{answers: up(1)}, {answers: up(4)}}, elapsed: 3 * time.Second, attempts: 7},
		"one missing":       {p: Pace{Interval: time.Second}, limit: 2500 * time.Millisecond, fakes: []*fake{{answers: up(1)}, {answers: never}}, err: context.DeadlineExceeded, elapsed: 2500 * time.Millisecond, attempts: 4, reason: "down"},
		"any":               {p: Pace{Interval: time.Second, Any: true}, fakes: []*fake{{answers: never}, {answers: up(3), takes: time.Millisecond}}, elapsed: 2001 * time.Millisecond, attempts: 6},
		"none to ask":       {},
	} {
		t.Run(name, func(t *testing.T) {
			if c.limit == 0 {
				c.limit = time.Hour
			}
			r, err := inTime(t, c.limit, c.p, c.fakes...)
			if !errors.Is(err, c.err) || r.Elapsed != c.elapsed || r.Attempts != c.attempts {
				t.Errorf("error %v after %v and %d attempts, want %v, %v, %d", err, r.Elapsed, r.Attempts, c.err, c.elapsed, c.attempts)
			}
			reason := ""
			if u := r.Unsettled(); u != nil && u.Reason != nil && err != nil {
				reason = u.Reason.Error()
			}
			if reason != c.reason {
				t.Errorf("reason %q, want %q", reason, c.reason)
			}
		})
	}
}

// The default pace keeps the lag below a sixth of the wait, but not below 50 ms, nor above a second.
func TestDefaultPace(t *testing.T) {
	f := &fake{answers: []error{errDown}}
	inTime(t, time.Minute, Pace{}, f)
	for i, at := range f.at[1:] {
		before := f.at[i]
		if want := min(max(before/6, 50*time.Millisecond), time.Second); at-before != want {
			t.Fatalf("attempt %d came %v after the one at %v, want %v", i+2, at-before, before, want)
		}
	}
}

// Several targets are not asked in step, and none later than one alone would be.
func TestSeveralTargetsDoNotMarchInStep(t *testing.T) {
	a, b := &fake{answers: []error{errDown}}, &fake{answers: []error{errDown}}
	inTime(t, time.Minute, Pace{}, a, b)
	same := 0
	for i := range min(len(a.at), len(b.at)) {
		if a.at[i] == b.at[i] {
			same++
		}
	}
	if same > 3 {
		t.Errorf("%d attempts at the same time", same)
	}
}

func TestProgressHearsEachAttempt(t *testing.T) {
	f := &fake{answers: []error{errDown, errDown, nil}, start: time.Now()}
	var heard []Attempt
	if _, err := Until(context.Background(), []Check{f}, Pace{Interval: time.Millisecond}, func(a Attempt) { heard = append(heard, a) }); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 3 || heard[0].Err != errDown || heard[0].Number != 1 || heard[2].Err != nil || heard[2].Number != 3 || heard[2].Check != f {
		t.Errorf("%+v", heard)
	}
}

// A cause given to the context, such as the death of a watched process, is what Until returns.
func TestCauseOfTheEnd(t *testing.T) {
	died := errors.New("died")
	ctx, cancel := context.WithCancelCause(context.Background())
	f := &fake{answers: []error{errDown}, start: time.Now()}
	_, err := Until(ctx, []Check{f}, Pace{Interval: time.Millisecond}, func(a Attempt) {
		if a.Number == 2 {
			cancel(died)
		}
	})
	if err != died {
		t.Errorf("error %v", err)
	}
}

// An interval that is none in effect is no reason to be busy.
func TestLeastInterval(t *testing.T) {
	t.Parallel()
	check, err := Parse("127.0.0.1:1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r, _ := Until(ctx, []Check{check}, Pace{Interval: 1}, nil)
	if most := int(r.Elapsed/time.Millisecond) + 1; r.Attempts < 1 || r.Attempts > most {
		t.Errorf("%d attempts in %v", r.Attempts, r.Elapsed)
	}
}
