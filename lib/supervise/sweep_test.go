package supervise

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pidbox/lib/signals"
)

// What a PID 1 has left is ended last, a further Stop hastens that, and whoever leaves a child running ends nothing.
func TestSupervisorSweeps(t *testing.T) {
	for _, c := range []struct {
		kind    Kind
		press   bool
		outcome Outcome
		took    time.Duration
	}{
		{Stop, false, Stopped, time.Minute + time.Second},
		{Stop, true, Stopped, 11 * time.Second},
		{Leave, false, Left, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, began, swept := &fake{}, time.Now(), 0
			s := of(f, standard, nil)
			s.Sweep = func(begun func(), hasten <-chan struct{}) error {
				if !over(f.children[0]) || f.forgotten != 1 {
					t.Error("the child is not the first")
				}
				begun()
				swept++
				select {
				case <-hasten:
				case <-time.After(time.Minute):
				}
				return errors.New("some are left")
			}
			var asker sync.WaitGroup
			asker.Go(func() {
				time.Sleep(time.Second)
				_ = s.Ask(Request{Kind: c.kind})
				time.Sleep(10 * time.Second)
				if c.press {
					askStop(s)
				}
				if err := s.Ask(Request{Kind: Restart}); err == nil {
					t.Error("restarted")
				}
			})
			outcome, err := s.Run()
			if took := time.Since(began); outcome != c.outcome || err != nil || took != c.took || swept != map[Outcome]int{Stopped: 1}[outcome] {
				t.Error(c.kind, outcome, err, took, swept)
			}
			asker.Wait()
		})
	}
}

// Of a child that is not there, while the next start is waited for, a leave leaves nothing to end what is left: that is for
// the next supervisor.
func TestSupervisorLeavesAllWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, swept := &fake{runs: make([]time.Duration, 100)}, 0
		s := of(f, standard, nil)
		s.Sweep = func(func(), <-chan struct{}) error { swept++; return nil }
		go func() { time.Sleep(time.Second); _ = s.Ask(Request{Kind: Leave}) }()
		if outcome, err := s.Run(); outcome != Left || err != nil || swept != 0 || f.forgotten != 1 {
			t.Error(outcome, err, swept, f.forgotten)
		}
	})
}

// The loop shows that it runs in each phase, at its pace.
func TestSupervisorBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, beats := &fake{runs: make([]time.Duration, 4), takes: 10 * time.Second}, 0
		s := of(f, standard, nil)
		s.Pulse, s.Beat = time.Second, func() { beats++ }
		go func() { time.Sleep(20*time.Second + time.Millisecond); askStop(s) }() // 2 s of which it waited
		if _, err := s.Run(); err != nil || beats != 30 {
			t.Error(err, beats)
		}
	})
}

// A stop that cannot be done for want of descriptors signals the child all the same, and kills it when its time is over.
func TestSupervisorSignalsWithoutDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{scarce: 100}
		s := of(f, standard, nil)
		s.Schedule = signals.Schedule{{Signal: syscall.SIGINT, Wait: 5 * time.Second}, {Signal: syscall.SIGKILL, Wait: time.Second}}
		go func() { time.Sleep(time.Second); askStop(s) }()
		if _, err := s.Run(); err != nil {
			t.Error(err)
		}
		got := f.children[0].signals
		if len(got) != 50 || got[0] != syscall.SIGINT || got[1] != syscall.SIGKILL {
			t.Errorf("%d signals: %v", len(got), got)
		}
	})
}
