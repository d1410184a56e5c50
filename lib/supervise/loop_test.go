package supervise

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSupervisorRestartsByThePolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const s = time.Second
		runs := []time.Duration{1, 1, 1, 9 * s, 1, 1, 1, 1, 1, 12 * s, 1}
		f := &fake{runs: runs}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(time.Hour); askStop(s) })
		if outcome != Stopped || err != nil || f.forgotten != 1 {
			t.Fatal(outcome, err, f.forgotten)
		}
		want := []time.Duration{0, 0, 0, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 0, 0}
		if got := f.delays(runs); !slices.Equal(got, want) {
			t.Errorf("delays %v, want %v", got, want)
		}
	})
}

// Neither what it takes to stop the rest of a group, nor a start that fails slowly, makes a run.
func TestSupervisorCountsOnlyTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const s = time.Second
		runs := []time.Duration{s, s, s, s, s, s}
		f := &fake{runs: runs, leaves: 15 * s, failFrom: 7, failing: 20 * s}
		if _, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(5 * time.Minute); askStop(s) }); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{15 * s, 15 * s, 15 * s, 17 * s, 19 * s, 23 * s, 21 * s, 22 * s}
		if got := f.delays(append(runs, make([]time.Duration, 20)...)); !slices.Equal(got[:len(want)], want) {
			t.Errorf("delays %v, want %v", got, want)
		}
	})
}

func TestSupervisorStopsDuringTheBackoffAtOnce(t *testing.T) {
	for kind, want := range map[Kind]Outcome{Stop: Stopped, Leave: Left} {
		synctest.Test(t, func(t *testing.T) {
			f, began := &fake{runs: make([]time.Duration, 1000)}, time.Now()
			outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
				time.Sleep(1500 * time.Millisecond)
				if st := s.Status(); st.State != Waiting || st.NextIn != 0.5 || st.Restarts != 3 || st.LastExit != "exit code 0" {
					t.Errorf("%+v", st)
				}
				_ = s.Ask(Request{Kind: kind})
			})
			if took := time.Since(began); outcome != want || err != nil || took != 1500*time.Millisecond || f.forgotten != 1 {
				t.Error(outcome, err, took, f.forgotten)
			}
		})
	}
}

func TestSupervisorRestartsOnRequestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{runs: []time.Duration{0, 0, 0, 0}}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(time.Second) // of the 2 s back-off after four runs
			for i, want := range []int{105, 106} {
				if err := s.Ask(Request{Kind: Restart}); err != nil || s.Status().Child != want {
					t.Error(i, err, s.Status())
				}
			}
			askStop(s)
			if err := s.Ask(Request{Kind: Restart}); err == nil {
				t.Error("restarted while it stops")
			}
		})
		if outcome != Stopped || err != nil || len(f.starts) != 6 {
			t.Error(outcome, err, len(f.starts))
		}
	})
}

func TestSupervisorHastensAtTheSecondStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &fake{stubborn: true, finds: time.Second}, time.Now()
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(1)
			askStop(s)
			askStop(s) // nothing has been sent yet: it is the same stop
			time.Sleep(time.Minute)
			askStop(s)
			askStop(s)
		})
		if took := time.Since(began); took != time.Minute+1 {
			t.Error("it took", took)
		}
		if outcome != Stopped || err != nil || f.forgotten != 1 {
			t.Error(outcome, err, f.forgotten)
		}
	})
}

func TestSupervisorStopDuringARestartWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{stubborn: true}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(1)
			go func() {
				if err := s.Ask(Request{Kind: Restart}); err == nil {
					t.Error("restarted although stopped")
				}
			}()
			synctest.Wait()
			askStop(s)
			askStop(s)
		})
		if outcome != Stopped || err != nil || len(f.starts) != 1 {
			t.Error(outcome, err, len(f.starts))
		}
	})
}

func TestSupervisorKeepsTheRecordOfASurvivor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{immortal: true}
		_, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(1)
			if err := s.Ask(Request{Kind: Restart}); err == nil || s.Status().State != Running {
				t.Error(err, s.Status())
			}
			askStop(s)
		})
		if err == nil || f.forgotten != 0 || len(f.starts) != 1 {
			t.Error(err, f.forgotten, len(f.starts))
		}
	})
}

func TestSupervisorLeavesASurvivor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{immortal: true, takes: time.Second}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(1)
			go func() {
				if err := s.Ask(Request{Kind: Restart}); err == nil {
					t.Error("restarted although it survived")
				}
			}()
			synctest.Wait()
			_ = s.Ask(Request{Kind: Leave}) // while it is being stopped
		})
		if outcome != Left || err != nil || f.forgotten != 0 || len(f.starts) != 1 {
			t.Error(outcome, err, f.forgotten, len(f.starts))
		}
	})
}

// A restart that was asked for is no failure: the crashes after it are the first ones again.
func TestSupervisorForgetsTheCrashesBeforeARequestedRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const s = time.Second
		runs := []time.Duration{1, 1, 1, 1, 1, 5 * s, 1, 1, 1, 1} // the sixth is asked to restart while it runs
		f := &fake{runs: runs}
		_, err := supervise(t, f, standard, nil, func(sv *Supervisor) {
			time.Sleep(8 * s) // 2 s and 4 s of back-off, and 2 s of the sixth run
			if err := sv.Ask(Request{Kind: Restart}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour)
			askStop(sv)
		})
		if err != nil || len(f.starts) != 11 {
			t.Fatal(err, len(f.starts))
		}
		want := []time.Duration{0, 0, 0, 2 * s} // after the seventh to the tenth
		if got := f.delays(runs)[6:]; !slices.Equal(got, want) {
			t.Errorf("delays %v, want %v", got, want)
		}
	})
}

// A restart that is asked for while a start is under way is one of the child that comes of it.
func TestSupervisorRestartsWhatIsBeingStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{deaf: true, release: make(chan struct{})}
		_, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			synctest.Wait()
			answer := make(chan error, 1)
			go func() { answer <- s.Ask(Request{Kind: Restart}) }()
			synctest.Wait()
			close(f.release)
			select {
			case err := <-answer:
				if err != nil || s.Status().Child != 102 {
					t.Error(err, s.Status())
				}
			case <-time.After(time.Hour):
				t.Error("no answer")
			}
			askStop(s)
		})
		if err != nil || len(f.starts) != 2 {
			t.Error(err, len(f.starts))
		}
	})
}
