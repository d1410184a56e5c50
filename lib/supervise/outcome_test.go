package supervise

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pidbox/lib/ready"
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

// A start that fails is no crash: it is tried again at its own pace, and no limit of restarts counts it.
func TestSupervisorTriesFailedStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const s = time.Second
		p := standard
		p.HealthyAfter, p.Limit, p.Max = 0, Limit{Restarts: 3, Set: true}, 5*s
		f := &fake{runs: make([]time.Duration, 100), failFrom: 3}
		outcome, err := supervise(t, f, p, nil, func(sv *Supervisor) {
			time.Sleep(20 * s)
			if st := sv.Status(); st.Restarts != 1 || st.State != Waiting {
				t.Errorf("%+v", st)
			}
			askStop(sv)
		})
		if outcome != Stopped || err != nil {
			t.Fatal(outcome, err)
		}
		if got, want := f.delays(make([]time.Duration, 9)), []time.Duration{0, 0, s, 2 * s, 4 * s, 5 * s, 5 * s}; !slices.Equal(got, want) {
			t.Error(got)
		}
	})
}

// A stop ends a start that hangs, and what was started all the same is stopped.
func TestSupervisorAbortsAStart(t *testing.T) {
	for _, succeeds := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f, began := &fake{hangs: true, succeeds: succeeds}, time.Now()
			outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
				time.Sleep(time.Second)
				askStop(s)
				if err := s.Ask(Request{Kind: Restart}); err == nil {
					t.Error("restarted while it stops")
				}
			})
			if outcome != Stopped || err != nil || time.Since(began) != time.Second || f.forgotten != 1 {
				t.Error(outcome, err, time.Since(began), f.forgotten)
			}
			for _, c := range f.children {
				if !over(c) {
					t.Error("the child runs on")
				}
			}
		})
	}
}

// One whose disk never answers is not waited for for ever.
func TestSupervisorGivesUpAStartThatCannotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &fake{hangs: true, deaf: true, release: make(chan struct{})}, time.Now()
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(time.Second); askStop(s) })
		if took := time.Since(began); outcome != Stopped || err != nil || took != time.Second+abortLimit {
			t.Error(outcome, err, took)
		}
		close(f.release)
	})
}

func TestSupervisorLeavesAChildThatStartsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hangs: true, succeeds: true}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(time.Second); _ = s.Ask(Request{Kind: Leave}) })
		if outcome != Left || err != nil || f.forgotten != 0 || over(f.children[0]) {
			t.Error(outcome, err, f.forgotten)
		}
	})
}

// The old child runs on where the new program could not be started; a stop that comes meanwhile is done.
func TestSupervisorRestartsOnlyWhatCanBeStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{unprepared: errors.New("no program")}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(1)
			if err := s.Ask(Request{Kind: Restart}); err == nil || s.Status().State != Running || s.Status().Child != 101 {
				t.Error(err, s.Status())
			}
			askStop(s)
		})
		if outcome != Stopped || err != nil || len(f.starts) != 1 {
			t.Error(outcome, err, len(f.starts))
		}
	})
}

// What the child shows of itself: it is ready when it says so, and restarted when its watchdog is not heard.
func TestSupervisorHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shows: true}
		s := of(f, standard, nil)
		told := 0
		s.Ready = func() { told++ }
		go func() {
			synctest.Wait()
			f.children[0].events <- ready.Event{Kind: ready.Status, Text: "half"}
			synctest.Wait()
			if told != 0 {
				t.Error("ready too early")
			}
			f.children[0].events <- ready.Event{Kind: ready.Ready}
			f.children[0].events <- ready.Event{Kind: ready.Hung, Text: "no WATCHDOG=1 in time"}
			synctest.Wait()
			if st := s.Status(); told != 1 || st.Child != 102 || st.Restarts != 1 {
				t.Errorf("told %d times, %+v", told, st)
			}
			askStop(s)
		}()
		if outcome, err := s.Run(); outcome != Stopped || err != nil {
			t.Error(outcome, err)
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
	for _, code := range []int{0, 125} {
		synctest.Test(t, func(t *testing.T) {
			p := standard
			p.Final = []int{0, 125}
			f := &fake{runs: make([]time.Duration, 100), end: End{Code: code}}
			outcome, err := supervise(t, f, p, nil, func(*Supervisor) {})
			var ended *EndedError
			if errors.As(err, &ended) != (code != 0) || ended != nil && ended.End.Code != code {
				t.Error(err)
			}
			if outcome != Finished || len(f.starts) != 1 || f.forgotten != 1 {
				t.Error(outcome, err, len(f.starts))
			}
		})
	}
}
