package supervise

import (
	"os"
	"os/signal"
	"slices"
	"syscall"

	"pidbox/lib/signals"
)

// Signals says what the signals that reach a supervisor mean. TERM stops it, and so do INT and QUIT, where they were
// not ignored when it started, unless they are named here.
type Signals struct {
	Leave   syscall.Signal   // 0: none
	Reopen  syscall.Signal   // the logs; 0: none
	Forward []syscall.Signal // to the child
}

// Route turns signals into requests until the returned function is called. A broken pipe behind the supervisor's own
// output does not end it: signals are caught, not ignored, so that the child inherits nothing.
func (s *Supervisor) Route(means Signals) (stop func()) {
	c := make(chan os.Signal, 16)
	own := []os.Signal{syscall.SIGTERM, syscall.SIGPIPE}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if !signals.Ignored(sig) {
			own = append(own, sig)
		}
	}
	for _, sig := range append([]syscall.Signal{means.Leave, means.Reopen}, means.Forward...) {
		if sig != 0 {
			own = append(own, sig)
		}
	}
	signal.Notify(c, own...)
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over:
				return
			case got := <-c:
				sig := got.(syscall.Signal)
				switch {
				case sig == means.Reopen:
					if err := s.logFile.Reopen(); err != nil {
						s.Log.Warn("logs not opened anew", "error", err.Error()) // to the old one, which can still be read
					}
				case sig == means.Leave:
					_ = s.Ask(Request{Kind: Leave})
				case slices.Contains(means.Forward, sig):
					_ = s.Ask(Request{Kind: Forward, Signal: sig})
				case sig != syscall.SIGPIPE:
					_ = s.Ask(Request{Kind: Stop})
				}
			}
		}
	}()
	return func() { close(over) } // still caught: a late signal must not end the process in the middle of its exit
}
