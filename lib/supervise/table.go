package supervise

// phase is what a supervisor is at.
type phase int

const (
	starting phase = iota
	aborting
	running
	following
	stopping
	waiting
	sweeping
	done
)

// event is what can happen in a phase.
type event int

const (
	started event = iota
	failed
	exited
	sick
	gone
	survived
	refused
	due
	toStop
	toLeave
	toRestart
	toForward
	events
)

// action is what follows an event: it returns the next phase. Its name is for the table in the package comment.
type action struct {
	name string
	do   func(*loop, happening) phase
}

// table is the one of the package comment. In an empty cell the event cannot come, or is of no consequence.
func table() [done][events]action {
	watch, retry := action{"watch", (*loop).watch}, action{"retry", (*loop).retry}
	abort, undo := action{"abort", (*loop).abort}, action{"undo", (*loop).undo}
	note, refuse := action{"note", (*loop).note}, action{"refuse", (*loop).refuse}
	halt, part, renew := action{"halt", (*loop).halt}, action{"part", (*loop).part}, action{"renew", (*loop).renew}
	pass, next := action{"pass", (*loop).pass}, action{"next", (*loop).next}
	keep, turn := action{"keep", (*loop).keep}, action{"turn", (*loop).turn}
	follow, heir := action{"follow", (*loop).follow}, action{"heir", (*loop).heir}
	lost, hurry := action{"lost", (*loop).lost}, action{"hurry", (*loop).hurry}
	begin, finish := action{"begin", (*loop).begin}, action{"finish", (*loop).finish}
	swept, press := action{"swept", (*loop).swept}, action{"press", (*loop).press}
	return [done][events]action{
		starting:  {started: watch, failed: retry, toStop: abort, toLeave: abort, toRestart: note},
		aborting:  {started: undo, failed: finish, due: finish, toRestart: refuse},
		running:   {exited: follow, sick: halt, toStop: halt, toLeave: part, toRestart: renew, toForward: pass},
		following: {started: heir, failed: lost, toStop: hurry, toLeave: hurry, toRestart: note},
		stopping:  {gone: next, survived: keep, refused: keep, toStop: turn, toLeave: turn, toRestart: turn},
		waiting:   {due: begin, toStop: finish, toLeave: finish, toRestart: begin},
		sweeping:  {gone: swept, toStop: press, toRestart: refuse},
	}
}
