package supervise

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pidbox/lib/signals"
)

// fake is a command whose runs take a given time each, the last one for ever.
type fake struct {
	runs      []time.Duration
	end       End
	failFrom  int // the start from which on starting fails; 0: never
	adopt     *run
	adoptErr  error
	stubborn  bool // only a hastened stop ends it
	immortal  bool
	starts    []time.Time
	children  []*run
	forgotten int
}

type run struct {
	of      *fake
	pid     int
	began   time.Time
	ended   chan struct{}
	once    sync.Once
	mu      sync.Mutex
	signals []syscall.Signal
}

func (f *fake) Adopt() (Child, error) {
	if f.adopt == nil {
		return nil, f.adoptErr
	}
	f.children = append(f.children, f.adopt)
	return f.adopt, f.adoptErr
}

func (f *fake) Start() (Child, error) {
	f.starts = append(f.starts, time.Now())
	n := len(f.starts)
	if f.failFrom > 0 && n >= f.failFrom {
		return nil, errors.New("exec failed")
	}
	r := f.run(100 + n)
	f.children = append(f.children, r)
	if n <= len(f.runs) {
		time.AfterFunc(f.runs[n-1], r.finish)
	}
	return r, nil
}

func (f *fake) Forget() error { f.forgotten++; return nil }

func (f *fake) run(pid int) *run {
	return &run{of: f, pid: pid, began: time.Now(), ended: make(chan struct{})}
}

func (r *run) finish()               { r.once.Do(func() { close(r.ended) }) }
func (r *run) PID() int              { return r.pid }
func (r *run) Adopted() bool         { return r == r.of.adopt }
func (r *run) Began() time.Time      { return r.began }
func (r *run) Done() <-chan struct{} { return r.ended }
func (r *run) End() End              { return r.of.end }
func (r *run) Close()                {}

func (r *run) Signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signals = append(r.signals, sig)
	return nil
}

func (r *run) Stop(_ signals.Schedule, hasten <-chan struct{}) error {
	switch {
	case over(r):
	case r.of.immortal:
		time.Sleep(time.Second)
		return errors.New("survived")
	case r.of.stubborn:
		<-hasten
	default:
		time.Sleep(time.Second)
	}
	r.finish()
	return nil
}

// supervise runs a supervisor over f in virtual time, does what the test wants meanwhile, and returns its result.
func supervise(t *testing.T, f *fake, p Policy, h *Health, during func(*Supervisor)) (Outcome, error) {
	t.Helper()
	s := New(&Supervisor{Command: f, Backoff: Backoff{Policy: p}, Health: h, Log: slog.New(slog.DiscardHandler), Ending: func() {}})
	go during(s)
	return s.Run()
}

func stop(s *Supervisor) { _ = s.Ask(Request{Kind: Stop}) }

func (f *fake) delays(runs []time.Duration) (out []time.Duration) {
	for i := 1; i < len(f.starts); i++ {
		out = append(out, f.starts[i].Sub(f.starts[i-1])-runs[i-1])
	}
	return out
}

var standard = Policy{Free: 3, Max: time.Minute, HealthyAfter: 10 * time.Second}

func TestSupervisorRestartsByThePolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const s = time.Second
		runs := []time.Duration{1, 1, 1, 9 * s, 1, 1, 1, 1, 1, 12 * s, 1}
		f := &fake{runs: runs}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(time.Hour); stop(s) })
		if outcome != Stopped || err != nil || f.forgotten != 1 {
			t.Fatal(outcome, err, f.forgotten)
		}
		want := []time.Duration{0, 0, 0, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 0, 0}
		if got := f.delays(runs); !slices.Equal(got, want) {
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
			stop(s)
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
		f := &fake{stubborn: true}
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(1); stop(s); stop(s); stop(s) })
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
			stop(s)
			stop(s)
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
			stop(s)
		})
		if err == nil || f.forgotten != 0 || len(f.starts) != 1 {
			t.Error(err, f.forgotten, len(f.starts))
		}
	})
}

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
			stop(s)
		})
		if outcome != Stopped || err != nil || len(f.starts) != 1 {
			t.Error(outcome, err, len(f.starts))
		}
	})
}

func TestSupervisorStopsTheChildOfAnotherCommandFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{adoptErr: ErrOther}
		f.adopt = f.run(7)
		began := time.Now()
		if _, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(time.Minute); stop(s) }); err != nil {
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
		if _, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(5 * time.Second); stop(s) }); err != nil {
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

func TestHealthRestartsAfterFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &fake{}, time.Now()
		sick := func(from, to time.Duration) bool { d := time.Since(began); return d >= from && d < to }
		h := &Health{Grace: 20 * time.Second, Interval: 10 * time.Second, Timeout: time.Second, Failures: 3, Check: func(context.Context) error {
			if sick(0, 5*time.Second) || sick(time.Minute, 75*time.Second) || sick(2*time.Minute, time.Hour) {
				return errors.New("sick")
			}
			return nil
		}}
		if _, err := supervise(t, f, standard, h, func(s *Supervisor) { time.Sleep(3 * time.Minute); stop(s) }); err != nil {
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
		f, began, ready := &fake{}, time.Now(), false
		h := &Health{Grace: 20 * time.Second, Interval: 10 * time.Second, Timeout: time.Second, Failures: 3,
			Check: func(context.Context) error { return errors.New("never") }}
		s := New(&Supervisor{Command: f, Backoff: Backoff{Policy: standard}, Health: h, Log: slog.New(slog.DiscardHandler),
			Ending: func() {}, Ready: func() { ready = true }})
		go func() { time.Sleep(50 * time.Second); stop(s) }()
		if _, err := s.Run(); err != nil {
			t.Fatal(err)
		}
		if got := f.starts[1].Sub(began); got != 41*time.Second || ready { // 20, 30, 40, and the stop
			t.Error(got, ready)
		}
	})
}
