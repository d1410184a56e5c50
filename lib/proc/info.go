package proc

import "time"

// State is the letter of proc_pid_stat(5) field 3.
type State byte

// String is the letter, or ? where it is not known.
func (s State) String() string {
	if s == 0 {
		return "?"
	}
	return string(rune(s))
}

// Info is what a process is to those who look at it. Every field can be had of other users' processes except Exec,
// which is empty where the kernel does not show it; without /proc all but PID are zero.
type Info struct {
	PID     int
	Name    string    // the command's name, of which the kernel keeps 15 bytes
	Exec    string    // the path of the executable
	Deleted bool      // Exec has been unlinked or replaced since, by an upgrade perhaps
	UID     int       // the real user: the one who may signal it; -1 where not known
	EUID    int       // the effective user: the one it acts as; -1 where not known
	Started time.Time // on today's wall clock, to 10 ms: a clock stepped since the start moves it; zero where not known
	State   State
	Parent  int
	Group   int
	Session int
}

// Conditions are what else a process must meet to be the one that a file without a record names. Empty ones hold.
type Conditions struct {
	Exec string // path of its executable: the same file, or the same path when that was replaced since
	Name string // its command's name; of a longer one the first 15 bytes count
	User string // its effective user, by name or number
}

// Empty says that there is nothing to meet.
func (c Conditions) Empty() bool { return c == Conditions{} }

// Meets reports whether the process meets all conditions, and if not, in words, which it does not. An error means that
// it could not be found out.
func (h *Handle) Meets(c Conditions) (ok bool, why string, err error) {
	if c.Empty() {
		return true, "", nil
	}
	return false, "", errNotYet
}
