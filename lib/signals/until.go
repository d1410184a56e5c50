package signals

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Caught is the cause of a context that a signal ended.
type Caught struct{ Signal syscall.Signal }

func (c *Caught) Error() string { return "interrupted by SIG" + Name(c.Signal) }

// Until is a context that ends, with a *Caught as its cause, at the first TERM, INT, HUP or QUIT, or else as ctx does.
// Signals that were ignored when the program started, as by nohup(1) or in a shell's background, stay ignored. Further
// signals are taken and not waited for, so that what is undone after the first is not cut short, until stop gives them
// their effect back. One that has come by then still is the cause: none is lost.
func Until(ctx context.Context) (_ context.Context, stop func()) { return until(ctx) }

// ending are the signals by which a program is asked to end: signal(7), "Term" and "Core" of the terminal and of kill(1).
func ending() []syscall.Signal {
	return []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT}
}

// Ignored says whether the signal was ignored when the program started. The Go runtime knows that of HUP and INT only,
// and has put a handler in the place of others: but a shell that ignores INT for what it runs in the background ignores
// QUIT as well (POSIX, 2.11). Of TSTP, TTIN and TTOU, which the runtime leaves alone, it is so until they are notified of.
func Ignored(s syscall.Signal) bool {
	switch s {
	case syscall.SIGQUIT:
		s = syscall.SIGINT
	case syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		return signal.Ignored(s) || ignores(s)
	}
	return signal.Ignored(s)
}

// Die ends this process by the signal, as if nothing had caught it: whoever waits for it sees how it ended. It returns
// where a signal cannot do that: as PID 1, to which the kernel sends no signal without a handler, and where it is ignored
// or blocked.
func Die(s syscall.Signal) {
	if os.Getpid() == 1 || Ignored(s) {
		return
	}
	signal.Reset(s)
	dispose(s, byDefault)
	raise(s)
}
