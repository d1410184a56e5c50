package supervise

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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
