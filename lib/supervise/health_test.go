package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pidbox/lib/spawn"
)

func TestHealthRestartsAfterFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &fake{takes: time.Second}, time.Now()
		sick := func(from, to time.Duration) bool { d := time.Since(began); return d >= from && d < to }
		h := &Health{Interval: 10 * time.Second, Failures: 3, Check: func(context.Context) error {
			if sick(0, 5*time.Second) || sick(time.Minute, 75*time.Second) || sick(2*time.Minute, time.Hour) {
				return errors.New("sick")
			}
			return nil
		}}
		if _, err := supervise(t, f, standard, h, func(s *Supervisor) { time.Sleep(3 * time.Minute); askStop(s) }); err != nil {
			t.Fatal(err)
		}
		// Checks at 1 to 5 s, then each 10 s: sick at 65 and 75 only; from 125 on, so that 145 is the third; 1 s to
		// stop.
		if got := f.starts[1].Sub(began); got != 146*time.Second {
			t.Error(got)
		}
	})
}

func TestHealthHasAsMuchTimeBeforeTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began, ready := &fake{takes: time.Second}, time.Now(), false
		h := &Health{Interval: 10 * time.Second, Failures: 3,
			Check: func(context.Context) error { return errors.New("never") }}
		s := of(f, standard, h)
		s.Ready = func() { ready = true }
		go func() { time.Sleep(50 * time.Second); askStop(s) }()
		if _, err := s.Run(); err != nil {
			t.Fatal(err)
		}
		if got := f.starts[1].Sub(began); got != 31*time.Second || ready { // three intervals, and the stop
			t.Error(got, ready)
		}
	})
}

// While it is being stopped it is neither found ready nor unhealthy, and a check that cannot be ended holds nobody up.
func TestHealthRestsDuringAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, hang := time.Now(), make(chan struct{})
		var ready atomic.Bool
		var checks atomic.Int32
		defer close(hang)
		f := &fake{takes: time.Minute}
		h := &Health{Interval: time.Second, Failures: 3, Check: func(context.Context) error {
			switch checks.Add(1); {
			case time.Since(began) < 10*time.Second:
				return errors.New("not yet")
			case time.Since(began) > 2*time.Minute:
				<-hang
			}
			return nil
		}}
		s := of(f, standard, h)
		s.Ready = func() { ready.Store(true) }
		go func() {
			time.Sleep(5500 * time.Millisecond)
			if err := s.Ask(Request{Kind: Restart}); err != nil { // until 65.5 s
				t.Error(err)
			}
			if ready.Load() || s.Status().Healthy != nil || checks.Load() > 11 { // the first good one waits to be told
				t.Errorf("ready %v, %+v after %d checks", ready.Load(), s.Status(), checks.Load())
			}
			time.Sleep(2 * time.Second)
			if !ready.Load() {
				t.Error("never ready")
			}
			time.Sleep(time.Minute)
			askStop(s)
		}()
		if _, err := s.Run(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 4*time.Minute {
			t.Error("it took", took)
		}
	})
}

// A sick child that survives its stop has as many failures before it as the first time, before the next stop.
func TestHealthCountsAnewAfterAStopThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &fake{immortal: true}, time.Now()
		h := &Health{Interval: 10 * time.Second, Failures: 3, Check: func(context.Context) error {
			return errors.New("sick")
		}}
		if _, err := supervise(t, f, standard, h, func(s *Supervisor) { time.Sleep(100 * time.Second); askStop(s) }); err == nil {
			t.Fatal("an immortal child was stopped")
		}
		var at []time.Duration
		for _, stop := range f.stops {
			at = append(at, stop.Sub(began))
		}
		want := []time.Duration{30 * time.Second, time.Minute, 90 * time.Second, 100 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("stopped at %v, want %v", at, want)
		}
	})
}

// A check that could not be made, for want of processes or descriptors, is neither a success nor a failure. A queue that is full is.
func TestHealthOfWhatCannotBeAsked(t *testing.T) {
	for err, restarts := range map[error]int{
		fmt.Errorf("dial: %w", syscall.EMFILE):                                      0,
		fmt.Errorf("exec: %w", &spawn.StepError{Step: "fork", Err: syscall.EAGAIN}): 0,
		fmt.Errorf("dial: %w", syscall.EAGAIN):                                      1,
	} {
		synctest.Test(t, func(t *testing.T) {
			f, began, unmade := &fake{}, time.Now(), 0
			h := &Health{Interval: 10 * time.Second, Failures: 3, Check: func(context.Context) error {
				switch d := time.Since(began); {
				case d > 20*time.Second && d < time.Minute:
					unmade++
					return err
				case d > time.Minute && d < 80*time.Second: // two, which it took no more than one of the others to be three
					return errors.New("sick")
				}
				return nil
			}}
			_, err := supervise(t, f, standard, h, func(s *Supervisor) { time.Sleep(3 * time.Minute); askStop(s) })
			if err != nil || len(f.starts) != 1+restarts || unmade == 0 {
				t.Error(err, len(f.starts), unmade)
			}
		})
	}
}
