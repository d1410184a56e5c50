package supervise

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSupervisorLeavesTheChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(1)
			_ = s.Ask(Request{Kind: Forward, Signal: syscall.SIGHUP})
			_ = s.Ask(Request{Kind: Leave})
		})
		if outcome != Left || err != nil || f.forgotten != 0 || over(f.children[0]) {
			t.Error(outcome, err, f.forgotten)
		}
		if got := f.children[0].signals; !slices.Equal(got, []syscall.Signal{syscall.SIGHUP}) {
			t.Error(got)
		}
	})
}

func TestSupervisorAdopts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{end: End{Code: -1}}
		f.adopt = f.run(7)
		time.AfterFunc(time.Minute, f.adopt.finish)
		time.Sleep(30 * time.Second) // the child is older than its supervisor
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			synctest.Wait()
			if st := s.Status(); !st.Adopted || st.Child != 7 || st.Uptime != 30 {
				t.Errorf("%+v", st)
			}
			time.Sleep(time.Hour)
			if st := s.Status(); st.Adopted || st.Child != 101 || st.Restarts != 1 {
				t.Errorf("%+v", st)
			}
			askStop(s)
		})
		if outcome != Stopped || err != nil || len(f.starts) != 1 {
			t.Error(outcome, err, len(f.starts))
		}
	})
}

func TestSupervisorStopsTheChildOfAnotherCommandFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{adoptErr: ErrOther, takes: time.Second}
		f.adopt = f.run(7)
		began := time.Now()
		if _, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(time.Minute); askStop(s) }); err != nil {
			t.Fatal(err)
		}
		if !over(f.adopt) || len(f.starts) != 1 || f.starts[0].Sub(began) != time.Second {
			t.Error(f.starts)
		}
	})
}

func TestSupervisorGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := standard
		p.Limit = Limit{Restarts: 5, Within: time.Hour, Set: true}
		f := &fake{runs: make([]time.Duration, 100), end: End{Code: 7}}
		outcome, err := supervise(t, f, p, nil, func(*Supervisor) {})
		if outcome != Finished || !errors.Is(err, ErrGaveUp) || len(f.starts) != 6 || f.forgotten != 1 {
			t.Error(outcome, err, len(f.starts), f.forgotten)
		}
	})
}

func TestSupervisorTakesFailedStartsAsCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{runs: make([]time.Duration, 100), failFrom: 3}
		if _, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(5 * time.Second); askStop(s) }); err != nil {
			t.Fatal(err)
		}
		if got, want := f.delays(make([]time.Duration, 9)), []time.Duration{0, 0, 0, 2 * time.Second}; !slices.Equal(got, want) {
			t.Error(got)
		}
	})
}

func TestSupervisorTakesNoFailedStartForAHealthyRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := standard
		p.HealthyAfter = 0 // every run is
		f := &fake{runs: make([]time.Duration, 100), failFrom: 2}
		if _, err := supervise(t, f, p, nil, func(s *Supervisor) { time.Sleep(5 * time.Second); askStop(s) }); err != nil {
			t.Fatal(err)
		}
		if got, want := f.delays(make([]time.Duration, 9)), []time.Duration{0, 0, 0, 2 * time.Second}; !slices.Equal(got, want) {
			t.Error(got)
		}
	})
}

func TestSupervisorFailsAtOnceIfNothingEverRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{failFrom: 1}
		if _, err := supervise(t, f, standard, nil, func(*Supervisor) {}); err == nil || len(f.starts) != 1 || f.forgotten != 1 {
			t.Error(err, len(f.starts), f.forgotten)
		}
	})
}

func TestSupervisorEndsAtAFinalCode(t *testing.T) {
	for code, gaveUp := range map[int]bool{0: false, 125: true} {
		synctest.Test(t, func(t *testing.T) {
			p := standard
			p.Final = []int{0, 125}
			f := &fake{runs: make([]time.Duration, 100), end: End{Code: code}}
			outcome, err := supervise(t, f, p, nil, func(*Supervisor) {})
			if outcome != Finished || errors.Is(err, ErrGaveUp) != gaveUp || len(f.starts) != 1 || f.forgotten != 1 {
				t.Error(outcome, err, len(f.starts))
			}
		})
	}
}
