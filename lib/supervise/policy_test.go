package supervise

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestBackoffSeries(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		policy Policy
		runs   []time.Duration // how long each run took
		want   []time.Duration
	}{
		"grows to the cap and stays": {Policy{Free: 3, Max: 60 * s, HealthyAfter: 10 * s}, make([]time.Duration, 12),
			[]time.Duration{0, 0, 0, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s, 60 * s}},
		"no free restarts": {Policy{Max: 5 * s, HealthyAfter: 10 * s}, make([]time.Duration, 4),
			[]time.Duration{2 * s, 4 * s, 5 * s, 5 * s}},
		"a run of exactly healthy-after starts over, one below does not": {Policy{Free: 1, Max: 60 * s, HealthyAfter: 10 * s},
			[]time.Duration{0, 0, 10*s - 1, 10 * s, 0, 0, time.Hour},
			[]time.Duration{0, 2 * s, 4 * s, 0, 2 * s, 4 * s, 0}},
		"a cap of nothing never waits": {Policy{HealthyAfter: s}, make([]time.Duration, 3), make([]time.Duration, 3)},
	} {
		t.Run(name, func(t *testing.T) {
			b := Backoff{Policy: c.policy}
			var got []time.Duration
			for _, ran := range c.runs {
				d, err := b.Next(time.Unix(0, 0), ran)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, d)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("delays %v, want %v", got, c.want)
			}
		})
	}
}

func TestBackoffNeverOverflows(t *testing.T) {
	b := Backoff{Policy: Policy{Max: time.Minute, HealthyAfter: time.Hour}}
	for range 10_000 {
		if d, err := b.Next(time.Unix(0, 0), 0); err != nil || d < 2*time.Second || d > time.Minute {
			t.Fatal(d, err)
		}
	}
}

func TestLimitCountsRestartsInASlidingTime(t *testing.T) {
	limit, err := ParseLimit("3/10s")
	if err != nil {
		t.Fatal(err)
	}
	b := Backoff{Policy: Policy{Free: 100, HealthyAfter: time.Hour, Limit: limit}}
	at := func(seconds int64) error { _, err := b.Next(time.Unix(seconds, 0), 0); return err }
	for _, seconds := range []int64{0, 4, 8, 10} { // at 10 the first has left the window
		if err := at(seconds); err != nil {
			t.Fatalf("at %d: %v", seconds, err)
		}
	}
	if err := at(11); !errors.Is(err, ErrGaveUp) {
		t.Fatalf("a fourth restart in 10 s: %v", err)
	}
	if len(b.recent) > 3 {
		t.Errorf("%d times are kept", len(b.recent))
	}
}

func TestLimitIsNotResetByHealth(t *testing.T) {
	b := Backoff{Policy: Policy{HealthyAfter: time.Second, Limit: Limit{Restarts: 1, Set: true}}}
	if _, err := b.Next(time.Unix(0, 0), time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Next(time.Unix(1e6, 0), time.Hour); !errors.Is(err, ErrGaveUp) {
		t.Fatal(err)
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]Limit{"5/1m": {5, time.Minute, true}, "0": {0, 0, true}, "7/30": {7, 30 * time.Second, true}} {
		if got, err := ParseLimit(text); err != nil || got != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "x/1m", "5/", "5/0", "5/x", "99999999999"} {
		if l, err := ParseLimit(text); err == nil {
			t.Errorf("%q: %v", text, l)
		}
	}
}

func TestFinalCodes(t *testing.T) {
	b := Backoff{Policy: Policy{Final: []int{0, 125}}}
	for e, want := range map[End]bool{
		{Code: 0}: true, {Code: 125}: true, {Code: 1}: false,
		{Code: -1, Signal: syscall.SIGKILL}: false,
		{Code: 0, Reason: "restarted"}:      false,
	} {
		if b.IsFinal(e) != want {
			t.Errorf("%+v: %v", e, !want)
		}
	}
}
