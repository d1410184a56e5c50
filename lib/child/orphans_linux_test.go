package child

import (
	"os/exec"
	"testing"
	"time"
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
		done <- o.birth(func() (int, error) { return 2, nil })
		o.collect() // not the check's process, which may have ended by now
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
