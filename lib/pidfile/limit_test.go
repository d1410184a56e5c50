package pidfile

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A limit is a context like any other, whoever asks first: for its end, for whether it has come, or not at all.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller, end := context.WithTimeout(context.Background(), time.Hour)
		defer end()
		for name, waits := range map[string]bool{"waited for": true, "asked": false} {
			l, stop := limited(caller, time.Second)
			if at, has := l.Deadline(); !has || time.Until(at) != time.Second || l.Err() != nil {
				t.Errorf("%s: %v, %v", name, at, l.Err())
			}
			if waits {
				<-l.Done()
			} else {
				time.Sleep(time.Second)
			}
			if l.Err() != context.DeadlineExceeded {
				t.Errorf("%s: %v", name, l.Err())
			}
			<-l.Done()
			stop()
		}
		unused, stop := limited(caller, time.Minute)
		stop()
		<-unused.Done()
		early, stop := limited(caller, 2*time.Hour)
		defer stop()
		if at, _ := early.Deadline(); time.Until(at) >= time.Hour {
			t.Error(at)
		}
		end()
		<-early.Done()
		if early.Err() != context.Canceled {
			t.Error(early.Err())
		}
	})
}
