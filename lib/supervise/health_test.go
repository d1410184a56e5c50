package supervise

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestHealthRestartsAfterFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &fake{takes: time.Second}, time.Now()
		sick := func(from, to time.Duration) bool { d := time.Since(began); return d >= from && d < to }
		h := &Health{Grace: 20 * time.Second, Interval: 10 * time.Second, Timeout: time.Second, Failures: 3, Check: func(context.Context) error {
			if sick(0, 5*time.Second) || sick(time.Minute, 75*time.Second) || sick(2*time.Minute, time.Hour) {
				return errors.New("sick")
			}
			return nil
		}}
		if _, err := supervise(t, f, standard, h, func(s *Supervisor) { time.Sleep(3 * time.Minute); askStop(s) }); err != nil {
			t.Fatal(err)
		}
		// Checks at 1 to 5 s, then each 10 s: sick at 65 and 75 only; from 125 on, so that 145 is the third; 1 s to stop.
		if got := f.starts[1].Sub(began); got != 146*time.Second {
			t.Error(got)
		}
	})
}

func TestHealthGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began, ready := &fake{takes: time.Second}, time.Now(), false
		h := &Health{Grace: 20 * time.Second, Interval: 10 * time.Second, Timeout: time.Second, Failures: 3,
			Check: func(context.Context) error { return errors.New("never") }}
		s := New(&Supervisor{Command: f, Backoff: Backoff{Policy: standard}, Health: h, Log: slog.New(slog.DiscardHandler),
			Ending: func() {}, Ready: func() { ready = true }})
		go func() { time.Sleep(50 * time.Second); askStop(s) }()
		if _, err := s.Run(); err != nil {
			t.Fatal(err)
		}
		if got := f.starts[1].Sub(began); got != 41*time.Second || ready { // 20, 30, 40, and the stop
			t.Error(got, ready)
		}
	})
}
