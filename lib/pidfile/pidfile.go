// Package pidfile claims, judges and releases pidfiles: files that hold the id of one process, in decimal, so that
// scripts, Monit and systemd can read them.
//
// A claim records in an extended attribute who the process was, so that a number which the kernel has given to
// somebody else since is never taken for it. Of any number of concurrent claims exactly one succeeds, a reader never
// sees a part of one, and a release removes only what was read. All of it works relative to a directory that is
// opened once: exchanging components of the path meanwhile changes nothing.
//
// The limit: programs that neither lock the file nor its directory (echo $$ >F, rm F) can still write between a
// check and a rename. What they wrote is then replaced, and never acted upon.
package pidfile

import (
	"pidbox/lib/proc"
)

// Rules say what to make of a file that is insecure, or that carries no record of its process.
type Rules struct {
	AllowInsecure bool            // accept a file that others could have written
	Unrecorded    State           // what a suspicious file without a record means: Doubtful (also the zero value), Running or Stale
	Match         proc.Conditions // what the process of a file without a record must be
	Trust         []int           // users who may have written the file besides root, the caller and the process's owner
}

// Trusting is r with another user who may have written the file: the one that its process is to run as.
func (r Rules) Trusting(uid int) Rules {
	r.Trust = append(r.Trust[:len(r.Trust):len(r.Trust)], uid)
	return r
}

// State is what a pidfile says about its process.
type State int

// The states.
const (
	Absent   State = iota // there is no file
	Nobody                // it names no process: it is empty, or garbage
	Stale                 // the process it names has ended
	Running               // the process it names lives
	Foreign               // it was claimed in another PID namespace, where the number means another process
	Doubtful              // a process has that number, and nobody can tell whether it is the one meant
)

func (s State) String() string {
	return [...]string{"absent", "nobody", "stale", "running", "foreign", "doubtful"}[s]
}

// Holder is who a pidfile names, as it was when it was read. It must be closed.
type Holder struct {
	Path     string
	State    State
	PID      int            // what the file says; 0 when it says nothing
	Why      string         // the grounds of State, in words
	Garbage  string         // the start of what stood in place of a number, quoted
	Process  *proc.Handle   // open when Running or Doubtful
	Recorded *proc.Identity // who the process was when it was claimed, if that is on record

	place *place
	seen  snapshot
}

// Close lets go of the process and of the directory.
func (h *Holder) Close() {
	if h != nil {
		h.free()
		h.place.close()
	}
}

// free lets go of the process only.
func (h *Holder) free() {
	if h.Process != nil {
		h.Process.Close()
		h.Process = nil
	}
}

// Read judges the pidfile at path without locking it. A missing file is not an error. Garbage is a *GarbageError, a
// file that others could have written an *UnsafeError.
func Read(path string, rules Rules) (*Holder, error) {
	p, err := locate(path, rules, false)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return &Holder{Path: path, State: Absent, Why: "there is no such file"}, nil
	}
	h, err := look(p, rules)
	if err == nil && h.Garbage != "" {
		err = &GarbageError{path, h.Garbage}
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return h, nil
}
