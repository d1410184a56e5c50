package stop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/testscripts/lab"
)

// fake ends some time after a signal that it heeds.
type fake struct {
	heeds syscall.Signal
	after time.Duration
	got   []syscall.Signal
	end   chan struct{}
	err   error
}

func (f *fake) Signal(s syscall.Signal) error {
	select {
	case <-f.end:
		return fmt.Errorf("fake: %w", proc.ErrNotFound)
	default:
	}
	if f.err != nil {
		return f.err
	}
	if f.got = append(f.got, s); s == f.heeds {
		time.AfterFunc(f.after, func() { close(f.end) })
	}
	return nil
}

func (f *fake) Wait(ctx context.Context) error {
	select {
	case <-f.end:
		return nil
	default:
	}
	select {
	case <-f.end:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func parse(t *testing.T, text string) signals.Schedule {
	t.Helper()
	s, err := signals.ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		heeds    syscall.Signal
		after    time.Duration
		schedule string
		want     []syscall.Signal
		took     time.Duration
		err      error
	}{
		"at once":    {syscall.SIGTERM, 0, "TERM/20/KILL/5", []syscall.Signal{syscall.SIGTERM}, 0, nil},
		"in grace":   {syscall.SIGTERM, 19 * time.Second, "TERM/20/KILL/5", []syscall.Signal{syscall.SIGTERM}, 19 * time.Second, nil},
		"escalates":  {syscall.SIGKILL, time.Second, "TERM/20/KILL/5", []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}, 21 * time.Second, nil},
		"survives":   {0, 0, "TERM/20/KILL/5", []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}, 25 * time.Second, ErrSurvived},
		"between":    {syscall.SIGINT, time.Second, "INT/0.5/QUIT/5", []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT}, time.Second, nil},
		"no waiting": {0, 0, "TERM/0/KILL/0", []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}, 0, ErrSurvived},
		"pairs":      {syscall.SIGTERM, 0, "HUP/TERM/5", []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{heeds: c.heeds, after: c.after, end: make(chan struct{})}
				began := time.Now()
				told := 0
				out, err := Run(context.Background(), f, parse(t, c.schedule), func(signals.Step) { told++ })
				if !errors.Is(err, c.err) || !slices.Equal(f.got, c.want) || time.Since(began) != c.took {
					t.Errorf("%v after %v, having sent %v", err, time.Since(began), f.got)
				}
				if out.Last != c.want[len(c.want)-1] || told != len(c.want) {
					t.Errorf("the outcome is %+v, %d steps were told", out, told)
				}
			})
		})
	}
}

func TestForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{end: make(chan struct{})}
		time.AfterFunc(35*time.Second, func() { close(f.end) })
		if _, err := Run(context.Background(), f, parse(t, "INT/1/forever/TERM/10/HUP"), nil); err != nil {
			t.Error(err)
		}
		want := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTERM}
		if !slices.Equal(f.got, want) {
			t.Errorf("sent %v", f.got)
		}
	})
}

func TestGoneAndDenied(t *testing.T) {
	f := &fake{end: make(chan struct{})}
	close(f.end)
	if out, err := Run(context.Background(), f, signals.Default(), nil); err != nil || out.Last != 0 {
		t.Errorf("gone: %+v, %v", out, err)
	}
	f = &fake{end: make(chan struct{}), err: syscall.EPERM}
	if _, err := Run(context.Background(), f, signals.Default(), nil); !errors.Is(err, syscall.EPERM) {
		t.Errorf("denied: %v", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	cancel(enough)
	f = &fake{end: make(chan struct{})}
	if _, err := Run(ctx, f, signals.Default(), nil); !errors.Is(err, enough) || len(f.got) != 1 {
		t.Errorf("given up: %v, sent %v", err, f.got)
	}
}

// blind cannot tell whether it is gone.
type blind struct{ fake }

func (*blind) Wait(ctx context.Context) error {
	<-ctx.Done()
	return syscall.EMFILE
}

// Who could not be waited for has not been seen to survive.
func TestCannotTell(t *testing.T) {
	b := &blind{fake{end: make(chan struct{})}}
	if _, err := Run(t.Context(), b, parse(t, "TERM/0/KILL/0"), nil); !errors.Is(err, syscall.EMFILE) || len(b.got) != 1 {
		t.Errorf("%v after %v", err, b.got)
	}
}

func TestRealProcess(t *testing.T) {
	p := lab.Stubborn(t)
	h, err := proc.Open(p.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	reaped := make(chan struct{})
	go func() { p.Reap(); close(reaped) }() // where a zombie cannot be told from the living
	out, err := Run(context.Background(), h, parse(t, "TERM/50ms/KILL/60"), nil)
	if err != nil || out.Last != syscall.SIGKILL {
		t.Errorf("%+v, %v", out, err)
	}
	<-reaped
}

// stray is a fake that says it is gone at the first signal, as a group does that its leader has left.
type stray struct {
	fake
	denied int
}

func (s *stray) Signal(sig syscall.Signal) error {
	if s.denied++; s.denied == 1 {
		return fmt.Errorf("fake: %w", proc.ErrNotFound)
	}
	return s.fake.Signal(sig)
}

func TestNotFoundIsBelievedOnlyOfTheGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &stray{fake: fake{heeds: syscall.SIGKILL, end: make(chan struct{})}}
		out, err := Run(context.Background(), f, parse(t, "TERM/20/KILL/5"), nil)
		if err != nil || out.Last != syscall.SIGKILL || !slices.Equal(f.got, []syscall.Signal{syscall.SIGKILL}) {
			t.Error(out, err, f.got)
		}
	})
}

// stoppable is a fake that counts how often it was resumed, after which signal.
type stoppable struct {
	fake
	resumed []syscall.Signal
}

func (s *stoppable) Resume() error {
	s.resumed = append(s.resumed, s.got[len(s.got)-1])
	return nil
}

func TestStoppedOnesAreResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &stoppable{fake: fake{end: make(chan struct{})}}
		_, err := Run(context.Background(), f, parse(t, "HUP/STOP/1/CONT/1/TSTP/1/TERM/1/QUIT/1/KILL/1"), nil)
		want := []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGQUIT}
		if !errors.Is(err, ErrSurvived) || !slices.Equal(f.resumed, want) {
			t.Error(err, f.resumed)
		}
	})
}

// reluctant is a fake of which some must not be signalled: they remain when the others are gone.
type reluctant struct {
	fake
	left bool
}

func (r *reluctant) Signal(sig syscall.Signal) error {
	if err := r.fake.Signal(sig); err != nil || !r.left {
		return err
	}
	return &proc.Refused{PID: 1, Members: []int{2}, Why: errors.New("no")}
}

func (r *reluctant) Wait(ctx context.Context) error {
	if err := r.fake.Wait(ctx); err != nil || !r.left {
		return err
	}
	return &proc.Refused{PID: 1, Members: []int{2}, Why: errors.New("no")}
}

func TestTheScheduleGoesOnForTheOthers(t *testing.T) {
	for _, left := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := &reluctant{fake{heeds: syscall.SIGKILL, end: make(chan struct{})}, left}
			out, err := Run(context.Background(), f, parse(t, "TERM/20/KILL/5"), nil)
			refused := (*proc.Refused)(nil)
			if out.Last != syscall.SIGKILL || errors.As(err, &refused) != left || (err != nil) != left {
				t.Error(left, out, err)
			}
		})
	}
}

// frozen is a fake that sends no signal before its context ends.
type frozen struct{ fake }

func (f *frozen) SignalContext(ctx context.Context, _ syscall.Signal) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestTheEndOfTheRunEndsASignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(enough) })
		if out, err := Run(ctx, &frozen{fake{end: make(chan struct{})}}, signals.Default(), nil); err != enough || out.Last != 0 {
			t.Error(out, err)
		}
	})
}

// One that cannot be resumed sees no signal, which is no less than one that cannot be signalled.
func TestNotResumed(t *testing.T) {
	f := &rigid{fake{end: make(chan struct{})}}
	if _, err := Run(t.Context(), f, signals.Default(), nil); !errors.Is(err, syscall.EPERM) || len(f.got) != 1 {
		t.Error(err, f.got)
	}
}

type rigid struct{ fake }

func (*rigid) Resume() error { return syscall.EPERM }

// A target that is gone when the run is called off is gone.
func TestGoneAsItIsCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if out, err := Run(ctx, &swift{fake{end: make(chan struct{})}, cancel}, signals.Default(), nil); err != nil || out.Last != syscall.SIGTERM {
		t.Error(out, err)
	}
}

type swift struct {
	fake
	cancel func()
}

func (s *swift) WaitFor(context.Context, time.Duration) (bool, error) {
	s.cancel()
	return true, nil
}

// A process that is stopped cleans up like another.
func TestStoppedProcessHeedsTerm(t *testing.T) {
	p := lab.Sleeper(t)
	h, err := proc.Open(p.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for {
		state, err := h.State()
		if state == 0 || err != nil {
			t.Skip("needs /proc", err)
		}
		if state == 'T' {
			break
		}
	}
	reaped := make(chan struct{})
	go func() { p.Reap(); close(reaped) }()
	out, err := Run(context.Background(), h, parse(t, "TERM/60/KILL/60"), nil)
	if err != nil || out.Last != syscall.SIGTERM {
		t.Errorf("%+v, %v", out, err)
	}
	<-reaped
}
