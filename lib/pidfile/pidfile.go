// Package pidfile claims, judges and releases pidfiles: files that hold the PID of one process, in decimal, so that
// scripts, Monit and systemd can read them.
//
// A claim records in an extended attribute who the process was, so that a later process with the same PID is never taken
// for it. Of any number of concurrent claims exactly one succeeds, a reader never sees a part of one, and a release
// removes only what was read. All of it works in a directory that lib/resolve has opened: replacing components of the
// path afterwards changes nothing. A pidfile has the authority of those who could have written it, and no more: each act
// on it, and each signal that is sent because of it, passes resolve.Word.May.
//
// The limit: programs that take no lock (echo $$ >F, rm F) can still write between a check and a rename. What they wrote
// is then replaced, and never acted upon.
//
// The files: content (what is read), verdict (what it says of its process), trust (who said so), record and binding (what a
// claim leaves with the file and with the process), claim, write and inplace (to take one), release (to give it up), lock,
// lockfile, share and holders (to be alone with it), hold (to keep a lock for a lifetime).
package pidfile

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/lib/resolve"
)

// Rules say how to treat a pidfile that is insecure, or that has no record of its process.
type Rules struct {
	AllowInsecure bool            // accept a file that other users could have written
	Unrecorded    State           // what a suspicious file without a record means: Doubtful (also the zero value), Running or Stale
	Match         proc.Conditions // what the process of a file without a record must be
	Made          func(string)    // hears of each directory that a claim makes; may be nil
	Cgroup        proc.Cgroup     // for a claim: the control group that is its process's own
	Trust         []int           // users who may have written the file besides root, the caller and the process's owner
}

// Trusting is r with another user who may have written the file: the one that its process is to run as.
func (r Rules) Trusting(uid int) Rules {
	r.Trust = append(r.Trust[:len(r.Trust):len(r.Trust)], uid)
	return r
}

// TrustingOwner is r with the user whose the directory is that path is in: a service that starts as root may become him. What
// he could only have linked there is as suspicious as before.
func (r Rules) TrustingOwner(path string) Rules {
	var st unix.Stat_t
	if unix.Lstat(filepath.Dir(path), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return r
	}
	return r.Trusting(int(st.Uid))
}

// State is what a pidfile says about its process.
type State int

// The states.
const (
	Absent   State = iota // there is no file
	Nobody                // it names no process: it is empty, or garbage
	Stale                 // the process it names has exited
	Running               // the process it names is alive
	Foreign               // it was claimed in another PID namespace, where the PID means another process
	Doubtful              // a process has that PID, and nothing tells whether it is the one meant
)

func (s State) String() string {
	return [...]string{"absent", "empty", "stale", "running", "foreign", "doubtful"}[s]
}

// Holder is the process that a pidfile names, as it was when it was read. It must be closed.
type Holder struct {
	Path     string
	State    State
	PID      int            // what the file says; 0 when it says nothing
	Why      string         // the grounds of State, in words
	Proof    Proof          // what State rests on
	Garbage  string         // the start of what stood in place of a PID, quoted
	Process  *proc.Handle   // open when Running or Doubtful
	Recorded *proc.Identity // who the process was when it was claimed, if there is a record that counts

	place  *resolve.Place
	rules  Rules
	seen   snapshot
	record record // that of Recorded
	bound  binding
	here   proc.Identity // what proc.Here said; zero if it was not asked
}

// Close closes the process and the directory.
func (h *Holder) Close() {
	if h != nil {
		h.free()
		h.place.Close()
	}
}

// free closes the process only.
func (h *Holder) free() {
	if h.Process != nil {
		h.Process.Close()
		h.Process = nil
	}
}

// Live is the process that the pidfile names: nil if there is none, and a *DoubtError where that cannot be told. The
// handle is the holder's.
func (h *Holder) Live() (*proc.Handle, error) {
	switch h.State {
	case Running:
		return h.Process, nil
	case Doubtful:
		return nil, &DoubtError{Holder: h}
	}
	return nil, nil
}

// Read judges the pidfile at path without locking it. A missing file is not an error. Garbage is a *GarbageError; what
// is no pidfile at all, and one that a user wrote who may not signal its process, is a *resolve.Unsafe.
func Read(path string, rules Rules) (*Holder, error) {
	p, err := place(path, rules)
	if errors.Is(err, fs.ErrNotExist) {
		return absent(path, nil, rules), nil
	}
	if err != nil {
		return nil, err
	}
	return readAt(p, rules, proc.Identity{})
}

func place(path string, rules Rules) (*resolve.Place, error) {
	insecure := rules.AllowInsecure
	return resolve.Walk(path, resolve.Policy{Insecure: insecure, Follow: insecure, Magic: insecure})
}

// readAt reads the pidfile at p, which the holder takes over.
func readAt(p *resolve.Place, rules Rules, here proc.Identity) (*Holder, error) {
	h, err := look(p, rules, here)
	if err == nil {
		err = h.trust()
	}
	if err == nil && h.Garbage != "" {
		err = &GarbageError{p.Path, h.Garbage}
	}
	if err != nil {
		if h != nil {
			h.free()
		}
		p.Close()
		return nil, err
	}
	return h, nil
}

// Reader reads one pidfile after the other, as Read does, but walks to a directory once for all that follow each other in it,
// and asks once where this process is. It must be closed, after its holders.
type Reader struct {
	Rules Rules
	place *resolve.Place
	here  proc.Identity
}

// Read is Read.
func (r *Reader) Read(path string) (*Holder, error) {
	var at *resolve.Place
	if r.place != nil {
		at, _ = r.place.Next(path)
	}
	if at == nil {
		p, err := place(path, r.Rules)
		if errors.Is(err, fs.ErrNotExist) {
			return absent(path, nil, r.Rules), nil
		}
		if err != nil {
			return nil, err
		}
		r.Close()
		r.place, at = p, p.Lent()
	}
	h, err := readAt(at, r.Rules, r.here)
	if h != nil {
		r.here = h.here
	}
	return h, err
}

// Close closes the directory that was read from last.
func (r *Reader) Close() {
	r.place.Close()
	r.place = nil
}

func absent(path string, p *resolve.Place, rules Rules) *Holder {
	return &Holder{Path: path, Why: "there is no such file", place: p, rules: rules}
}
