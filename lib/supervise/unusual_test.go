package supervise

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pidbox/lib/journal"
	notified "pidbox/lib/ready"
)

// A restart that is asked for during the look for the one that follows is refused where no other could be started: that one runs on.
func TestSupervisorKeepsTheOneThatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{runs: []time.Duration{time.Second}, heirs: 1, looks: time.Second, unprepared: errors.New("no such file")}
		_, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(1500 * time.Millisecond)
			if err := s.Ask(Request{Kind: Restart}); err == nil {
				t.Error("restarted")
			}
			time.Sleep(time.Minute)
			if st := s.Status(); st.State != Running || st.Child != 1101 {
				t.Errorf("%+v", st)
			}
			askStop(s)
		})
		if err != nil || len(f.starts) != 1 || len(f.stops) != 1 {
			t.Error(err, len(f.starts), len(f.stops))
		}
	})
}

// A stop that is asked for while it is found out whether a restart can be made is done, though the restart is refused.
func TestSupervisorStopsDuringARefusedRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &fake{unprepared: errors.New("no such file"), preparing: time.Second}, time.Now()
		outcome, err := supervise(t, f, standard, nil, func(s *Supervisor) {
			time.Sleep(time.Second)
			go func() { _ = s.Ask(Request{Kind: Restart}) }()
			time.Sleep(500 * time.Millisecond)
			askStop(s)
		})
		if took := time.Since(began); outcome != Stopped || err != nil || took != 2*time.Second || len(f.stops) != 1 {
			t.Error(outcome, err, took, len(f.stops))
		}
	})
}

// Where no restart is allowed an end by a signal is told as one.
func TestSupervisorEndsAsASignalDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := standard
		p.Limit = Limit{Set: true}
		f := &fake{runs: []time.Duration{time.Second}, end: End{Signal: syscall.SIGTERM}}
		var ended *EndedError
		if _, err := of(f, p, nil).Run(); !errors.As(err, &ended) || ended.End.Signal != syscall.SIGTERM {
			t.Error(err)
		}
	})
}

// What to do about a command that puts itself into the background is said once, and only of one that exited at once.
func TestSupervisorHintsOnce(t *testing.T) {
	for ran, want := range map[time.Duration]int{time.Second: 1, suddenly + time.Second: 0} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{runs: []time.Duration{ran, ran, ran}, astray: 4711}
			var log bytes.Buffer
			s := of(f, standard, nil)
			s.Log, s.Advice = journal.New(&log, false, journal.Warn), "stay"
			go func() { time.Sleep(time.Hour); askStop(s) }()
			_, err := s.Run()
			if got := strings.Count(log.String(), "stay\" pid=101 background=4711"); err != nil || got != want || strings.Count(log.String(), "stay") != want {
				t.Errorf("after %v: %v, %d hints: %s", ran, err, got, log.String())
			}
		})
	}
}

// A child that has passed a check once is ready as soon as it says so, whatever the last check was: what fails after that is counted.
func TestSupervisorIsReadyThoughACheckFailedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, ready := time.Now(), time.Duration(0)
		f := &fake{shows: true}
		h := &Health{Interval: time.Second, Failures: 3, Check: func(context.Context) error {
			if d := time.Since(began); d > 1500*time.Millisecond && d < 2500*time.Millisecond {
				return errors.New("sick")
			}
			return nil
		}}
		s := of(f, standard, h)
		s.Ready = func() { ready = time.Since(began) }
		go func() {
			time.Sleep(2300 * time.Millisecond)
			synctest.Wait()
			f.children[0].events <- notified.Event{Kind: notified.Ready}
			time.Sleep(time.Minute)
			askStop(s)
		}()
		if _, err := s.Run(); err != nil || ready != 2300*time.Millisecond {
			t.Error(err, ready)
		}
	})
}

// A second stop of a PID 1 does not hasten what has not begun: timeout(1), for one, sends its TERM twice in a row.
func TestSupervisorDoesNotHastenASweepThatHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, began := &fake{}, time.Now()
		s := of(f, standard, nil)
		s.Sweep = func(begun func(), hasten <-chan struct{}) error {
			time.Sleep(5 * time.Second)
			select {
			case <-hasten:
				t.Error("hastened")
			default:
			}
			begun()
			<-hasten
			return nil
		}
		var asker sync.WaitGroup
		asker.Go(func() {
			time.Sleep(time.Second)
			for range 3 { // the stop, and one before and one after the beginning
				askStop(s)
				time.Sleep(3 * time.Second)
			}
		})
		if _, err := s.Run(); err != nil || time.Since(began) != 7*time.Second {
			t.Error(err, time.Since(began))
		}
		asker.Wait()
	})
}
