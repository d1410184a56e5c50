package child

import (
	"os/exec"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

// A check that hangs keeps neither the end of the child nor the start of the next from being seen; what it waits for
// is not taken away from it.
func TestGuardHoldsNobodyUp(t *testing.T) {
	o := &Orphans{own: map[int]bool{}, wake: make(chan struct{}, 1)}
	started, hang, over := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		over <- o.Guard(func() error {
			cmd := exec.Command("true")
			if err := cmd.Start(); err != nil {
				close(started)
				return err
			}
			close(started)
			<-hang
			return cmd.Wait()
		})
	}()
	<-started
	done := make(chan error, 1)
	go func() {
		o.died(1)
		err := o.birth(func() (int, error) { return 2, nil })
		o.Collect() // not the check's process, which may have ended by now
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("held up by a check that hangs")
	}
	close(hang)
	if err := <-over; err != nil {
		t.Error(err)
	}
	if o.guarded != 0 || !o.own[2] || o.own[1] {
		t.Errorf("%d guarded, own %v", o.guarded, o.own)
	}
}

// Of all that have ended, those are collected that nobody waits for.
func TestCollect(t *testing.T) {
	o := &Orphans{own: map[int]bool{}, wake: make(chan struct{}, 1)}
	zombie := func() *exec.Cmd {
		cmd := exec.Command("true")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lab.AwaitEnd(t, cmd.Process.Pid)
		return cmd
	}
	var own *exec.Cmd
	if err := o.birth(func() (int, error) { own = zombie(); return own.Process.Pid, nil }); err != nil {
		t.Error(err)
	}
	o.Collect()
	if err := own.Wait(); err != nil {
		t.Error("its own was taken from it:", err)
	}
	woken := func(what string) {
		select {
		case <-o.wake:
		default:
			t.Error("not woken by", what)
		}
	}
	if len(o.wake) > 0 {
		t.Error("woken by a birth, which hides nobody")
	}
	o.died(own.Process.Pid)
	woken("a death")
	if len(o.own) > 0 {
		t.Error("a number is its own for ever")
	}
	if err := o.Guard(func() error {
		check := zombie()
		o.Collect()
		return check.Wait()
	}); err != nil {
		t.Error("a check's was taken from it:", err)
	}
	woken("the end of a check")
	orphan := zombie()
	o.Collect()
	if err := orphan.Wait(); err == nil {
		t.Error("an orphan was left")
	}
}
