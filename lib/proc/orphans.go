package proc

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"pidbox/lib/proc/procfs"
)

// Orphans finds what is left of the group or session of a recorded process that has ended, for example the workers of a
// server whose master was killed; allow is as for Handle.Family. ErrNotFound means that nothing is; *DoubtError that there
// are members which nothing proves to be its own. It is an error if the recorded process is alive. Of a tree nothing can
// be found once its root is dead: that is ErrNotFound too.
//
// No new process gets a number that is in use as a group's or session's, but one may have had it in between and have
// died as well. So the record has to prove them. From Linux 6.14 on its pidfs inode opens the dead leader for as long
// as its number is in use. A leader that has not been reaped proves them too. Before, a group counts as the recorded
// one's if it is in the recorded session, led by another process, and no member is older than the record; a session
// never does.
func Orphans(recorded Identity, scope Scope, allow Allow) (*Family, error) {
	none := fmt.Errorf("%s %d: %w", scope, recorded.PID, ErrNotFound)
	here := recorded.Compare(Here())
	if scope == Process || scope == Tree || scope == ControlGroup || recorded.PID <= 0 || here == OtherBoot || here == OtherNamespace {
		return nil, none
	}
	f := newFamily(newHandle(recorded.PID, gone{}), scope, allow)
	f.owned = true
	h, err := Open(recorded.PID)
	switch {
	case err == nil:
		f.leader = h
		proven, err := recorded.endedAs(h)
		if err != nil {
			f.Close()
			return nil, err
		}
		if !proven {
			h.Close()
			f.leader = newHandle(recorded.PID, suspect{})
		}
	case !errors.Is(err, ErrNotFound):
		return nil, err
	default:
		l, err := reopen(recorded)
		switch {
		case err == nil:
			f.leader.link = l
		case errors.Is(err, ErrNotFound):
			return nil, none
		case scope == Group:
			f.vouch = recorded.vouches
		}
	}
	f.exact = scope == Group && !errors.Is(f.leader.link.signalGroup(0), errors.ErrUnsupported)
	if err := f.look(); err != nil {
		f.Close()
		return nil, err
	}
	f.vouch = nil // from now on those found prove the others
	err = f.doubt()
	if err == nil {
		var alive bool
		if alive, err = f.Alive(); err == nil && !alive {
			err = none
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// endedAs says whether h, a zombie, is proven to be the recorded process, or may be.
func (recorded Identity) endedAs(h *Handle) (proven bool, err error) {
	id, err := h.Identity()
	if err != nil {
		return false, err
	}
	verdict := recorded.Compare(id)
	alive, err := h.Alive()
	switch {
	case err != nil:
		return false, err
	case verdict == Different:
		return false, fmt.Errorf("process %d: %w", recorded.PID, ErrNotFound) // so its group and session have gone as well
	case alive:
		return false, fmt.Errorf("process %d is alive", recorded.PID)
	}
	return verdict == Same, nil
}

// vouches judges a member where there is no proof.
func (recorded Identity) vouches(st procfs.Stat) bool {
	return recorded.Compare(Here()) == Unknown && recorded.Boot != "" && recorded.Start != 0 &&
		recorded.Session != 0 && recorded.Session != recorded.PID &&
		st.Session == recorded.Session && st.Start >= recorded.Start
}

// gone is the link to a process of which nothing can be opened.
type gone struct{}

func (gone) alive() (bool, error)              { return false, nil }
func (gone) held() (bool, error)               { return false, nil }
func (gone) kept() bool                        { return false }
func (gone) signal(syscall.Signal) error       { return ErrNotFound }
func (gone) signalGroup(syscall.Signal) error  { return errors.ErrUnsupported }
func (gone) wait(context.Context) error        { return nil }
func (gone) stat() (procfs.Stat, error)        { return procfs.Stat{}, ErrNotFound }
func (gone) identity() (Identity, error)       { return Identity{}, ErrNotFound }
func (gone) info() (Info, error)               { return Info{}, ErrNotFound }
func (gone) credentials() (Credentials, error) { return nobody(), ErrNotFound }
func (gone) bind(string) error                 { return ErrNotFound }
func (gone) bound() (string, bool)             { return "", false }
func (gone) close() error                      { return nil }

// suspect is the link to a zombie that may be the recorded process: it proves no member, and rules none out.
type suspect struct{ gone }

func (suspect) held() (bool, error) { return true, nil }
