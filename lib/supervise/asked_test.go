package supervise

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A stop that was asked for is final: neither a restart nor a leave undoes it, and it is told once.
func TestSupervisorStopIsFinal(t *testing.T) {
	for _, kind := range []Kind{Restart, Leave, Stop} {
		for _, f := range []*fake{{takes: time.Minute, finds: time.Minute}, {runs: []time.Duration{time.Second}, looks: time.Second, heirs: 1}} {
			synctest.Test(t, func(t *testing.T) {
				s, told := of(f, standard, nil), 0
				s.Ending = func() { told++ }
				go func() {
					time.Sleep(1500 * time.Millisecond) // it runs, or is looked for
					askStop(s)
					asked := time.Now()
					if err := s.Ask(Request{Kind: kind}); kind == Restart && (err == nil || f.heirs == 0 && len(f.runs) == 0 && time.Since(asked) > 0) {
						t.Error("restarted, or not refused at once:", err, time.Since(asked))
					}
				}()
				if outcome, err := s.Run(); outcome != Stopped || err != nil || len(f.starts) != 1 || told != 1 {
					t.Error(kind, outcome, err, len(f.starts), told)
				}
				time.Sleep(time.Minute)
			})
		}
	}
}

// The child of another command that cannot be stopped is the end, and so is a stop that comes while it is being stopped.
func TestSupervisorEndsWithTheChildOfAnotherCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{adoptErr: ErrOther, immortal: true}
		f.adopt = f.run(7)
		if _, err := supervise(t, f, standard, nil, func(*Supervisor) {}); err == nil || f.forgotten != 0 {
			t.Error(err, f.forgotten)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{adoptErr: ErrOther, takes: time.Minute}
		f.adopt = f.run(7)
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(time.Second); askStop(s) })
		if outcome != Stopped || err != nil || len(f.starts) != 0 {
			t.Error(outcome, err, len(f.starts))
		}
	})
}

// A restart that was refused is over: the child's own end is followed by the back-off.
func TestSupervisorForgetsARefusedRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{runs: []time.Duration{5 * time.Second}, unprepared: errors.New("no such file")}
		p := standard
		p.Free = 0
		_, err := supervise(t, f, p, nil, func(s *Supervisor) {
			time.Sleep(time.Second)
			if err := s.Ask(Request{Kind: Restart}); err == nil {
				t.Error("restarted")
			}
			time.Sleep(time.Minute)
			askStop(s)
		})
		if err != nil || len(f.starts) != 2 || f.starts[1].Sub(f.starts[0]) != 7*time.Second {
			t.Error(err, f.starts)
		}
	})
}

// Starts that failed before one that did not are forgotten.
func TestSupervisorForgetsFailedStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{runs: []time.Duration{0, 0, 0, 0, 0, 0}, fails: map[int]bool{2: true, 3: true, 5: true}}
		if _, err := supervise(t, f, standard, nil, func(s *Supervisor) { time.Sleep(time.Minute); askStop(s) }); err != nil {
			t.Error(err)
		}
		for i, want := range []time.Duration{0, 1, 2, 0, 1} {
			if got := f.starts[i+1].Sub(f.starts[i]); got != want*time.Second {
				t.Errorf("start %d came after %v, want %v s", i+2, got, int(want))
			}
		}
	})
}
