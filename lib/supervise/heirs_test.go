package supervise

import (
	"testing"
	"testing/synctest"
	"time"
)

// A child that another one follows has not crashed, and its end is no restart.
func TestSupervisorFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{runs: []time.Duration{time.Second}, heirs: 1, looks: time.Second}
		f.end = End{Code: 0}
		_, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(time.Minute)
			if st := s.Status(); st.State != Running || st.Child != 1101 || st.Restarts != 0 || st.LastExit != "" || st.Uptime != 58 {
				t.Errorf("%+v", st)
			}
			if err := s.Ask(Request{Kind: Restart}); err != nil {
				t.Error(err)
			}
			if st := s.Status(); st.Child != 102 || st.Restarts != 1 {
				t.Errorf("%+v", st)
			}
			askStop(s)
		})
		if err != nil || len(f.starts) != 2 || !over(f.children[1]) || len(f.stops) != 2 {
			t.Error(err, len(f.starts), len(f.stops))
		}
	})
}

// What is asked for during the look is done to the one that was found.
func TestSupervisorIsAskedDuringTheLook(t *testing.T) {
	for _, c := range []struct {
		kind    Kind
		heirs   int
		outcome Outcome
		took    time.Duration
		starts  int
	}{
		{Stop, 1, Stopped, 1500 * time.Millisecond, 1},
		{Stop, 0, Stopped, 1500 * time.Millisecond, 1},
		{Leave, 1, Left, 1500 * time.Millisecond, 1},
		{Leave, 0, Left, 1500 * time.Millisecond, 1},
		{Restart, 1, Stopped, time.Minute, 2},
		{Restart, 0, Stopped, time.Minute, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, began := &fake{runs: []time.Duration{time.Second}, heirs: c.heirs, looks: time.Second}, time.Now()
			outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
				time.Sleep(1500 * time.Millisecond)
				if err := s.Ask(Request{Kind: c.kind}); err != nil {
					t.Error(err)
				}
				if c.kind == Restart {
					time.Sleep(time.Until(began.Add(time.Minute)))
					askStop(s)
				}
			})
			if took := time.Since(began); outcome != c.outcome || err != nil || took != c.took || len(f.starts) != c.starts {
				t.Error(c.kind, c.heirs, outcome, err, took, len(f.starts))
			}
			if c.heirs == 0 && c.kind == Leave && len(f.stops) != 1 {
				t.Error("what the one that is followed by none left of its scope was not ended")
			}
			if c.heirs == 1 && over(f.children[1]) != (c.kind != Leave) {
				t.Error(c.kind, "the one that follows")
			}
		})
	}
}

// One that cannot be seen for want of descriptors is looked for until it is, and left where that is asked for.
func TestSupervisorFollowsWithoutDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{runs: []time.Duration{time.Second}, heirs: 1, blind: 100}
		_, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(time.Minute)
			if st := s.Status(); st.State != Running || st.Child != 1101 || st.Restarts != 0 {
				t.Errorf("%+v", st)
			}
			askStop(s)
		})
		if err != nil || len(f.starts) != 1 || len(f.stops) != 1 {
			t.Error(err, len(f.starts), len(f.stops))
		}
	})
	for kind, want := range map[Kind]Outcome{Leave: Left, Stop: Stopped} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{runs: []time.Duration{time.Second}, heirs: 1, blind: 1 << 30}
			outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
				time.Sleep(time.Minute)
				if err := s.Ask(Request{Kind: kind}); err != nil {
					t.Error(err)
				}
			})
			if stopped := len(f.stops) > 0; outcome != want || err != nil || stopped == (kind == Leave) {
				t.Error(kind, outcome, err, f.stops)
			}
		})
	}
}
