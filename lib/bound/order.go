package bound

import (
	"errors"
	"fmt"
	"time"

	"pidbox/lib/spawn"
)

// ErrNoUpper says that the run of this program that has run it again is gone.
var ErrNoUpper = errors.New("the pid-bound that ran this one was killed")

// Order is a command and what ends it besides itself.
type Order struct {
	Scope   Scope
	Command spawn.Command // its descriptors are those of this process
	Again   []string      // the command line of this program, for another run of it
	Upper   *Upper        // who runs this one again; nil for nobody
	Owner   *Owner        // nil for none
	Limit   time.Duration // 0 for none
	Grace   time.Duration // between TERM and KILL
	Tell    func(format string, args ...any)
}

func (o *Order) tell(format string, args ...any) {
	if o.Tell != nil {
		o.Tell(format, args...)
	}
}

// Outcome is how it went.
type Outcome struct {
	Ending spawn.Ending
	Late   bool     // the limit passed first
	Orphan bool     // the owner was gone first
	Left   []string // who was there when COMMAND had exited by itself, and stayed: "sleep (4711)"
	Killed []string // who had to be killed after the grace
}

// SurvivedError says who is alive after KILL.
type SurvivedError struct {
	Names []string
	Err   error // why, where that is known
}

func (e *SurvivedError) Error() string {
	text := Join(e.Names) + ": survived SIGKILL"
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *SurvivedError) Unwrap() error { return e.Err }

// joined is how many names of many Join lists.
const joined = 5

// Join lists names, the first of many.
func Join(names []string) string {
	text := ""
	for i, name := range names {
		switch {
		case i == joined && len(names) > joined+1:
			return fmt.Sprintf("%s and %d more", text, len(names)-i)
		case i > 0:
			text += ", "
		}
		text += name
	}
	return text
}
