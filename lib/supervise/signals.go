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
	Stop    []syscall.Signal // others that stop it
	Leave   syscall.Signal   // 0: none
	Reopen  syscall.Signal   // the log; 0: none
	Forward []syscall.Signal // to the child
}

// Route turns signals into requests until the returned function is called. A broken pipe behind the supervisor's own
// output does not end it: signals are caught, not ignored, so that the child inherits nothing.
func (s *Supervisor) Route(means Signals) (stop func()) {
	c := make(chan os.Signal, 64)
	own := append([]os.Signal{syscall.SIGTERM, syscall.SIGPIPE}, signalList(means.Stop)...)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if !signals.Ignored(sig) {
			own = append(own, sig)
		}
	}
	own = append(own, signalList(append([]syscall.Signal{means.Leave, means.Reopen}, means.Forward...))...)
	signal.Notify(c, own...)
	over, terminal := make(chan struct{}), hasTerminal()
	go func() {
		for {
			select {
			case <-over:
				return
			case got := <-c:
				s.route(means, got.(syscall.Signal), terminal)
			}
		}
	}()
	return func() { close(over) } // still caught: a late signal must not end the process in the middle of its exit
}

func (s *Supervisor) route(means Signals, sig syscall.Signal, terminal bool) {
	switch {
	case sig == means.Reopen:
		s.reopen()
	case sig == means.Leave:
		_ = s.Ask(Request{Kind: Leave})
	case slices.Contains(means.Stop, sig):
		_ = s.Ask(Request{Kind: Stop})
	case sig == syscall.SIGHUP && terminal && !hasTerminal():
		s.Log.Info("the terminal has hung up")
		_ = s.Ask(Request{Kind: Stop})
	case slices.Contains(means.Forward, sig):
		_ = s.Ask(Request{Kind: Forward, Signal: sig})
	case sig != syscall.SIGPIPE:
		_ = s.Ask(Request{Kind: Stop})
	}
}

func signalList(list []syscall.Signal) (all []os.Signal) {
	for _, sig := range list {
		if sig != 0 {
			all = append(all, sig)
		}
	}
	return all
}

// hasTerminal says whether this process has a controlling terminal. One that hangs up is lost by that: the HUP that
// comes of it asks for no reload.
func hasTerminal() bool {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err == nil {
		f.Close()
	}
	return err == nil
}
