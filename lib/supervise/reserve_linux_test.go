package supervise

import (
	"testing"
	"testing/synctest"
	"time"
)

// A stop finds the descriptors that were held for it.
func TestSupervisorStopsWithItsReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := of(f, standard, nil)
		held := -1
		f.stopping = func() { held = len(s.reserve.fds) }
		go func() { time.Sleep(time.Second); askStop(s) }()
		if _, err := s.Run(); err != nil || held != 0 {
			t.Error(err, held)
		}
	})
}
