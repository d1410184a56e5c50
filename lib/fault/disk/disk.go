// Package disk stands between a member and its directory: a file system of its own (FUSE) over that directory, which passes
// everything through and remembers what was not synced. So a power failure can be made of a kill: what no fsync has promised
// is taken back. It also fails and delays operations on the files that a pattern names.
//
// What counts as promised is what Linux promises with ext4 in its usual mode: fsync and fdatasync of a file make its data
// last, and all changes of names up to then, anywhere in the file system; fsync of a directory the names alone. Writes through
// a descriptor with O_SYNC or O_DSYNC last at once. What sync(2) or syncfs(2) did is not known here, for FUSE does not tell.
// Nothing lasts by itself: a real kernel writes what is older than some thirty seconds, here it is lost as well, except that
// a file of which more than 64 MiB of old content would have to be kept counts as written then.
//
// Everything is in the directory itself all the time, so that the end of this process loses nothing: only its own power
// failures do.
//
// The file system is served by a process of its own, which outlives a killed agent as the member does, and hears orders on a
// UNIX socket: one JSON object each way for a connection.
package disk

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"pidbox/lib/fault"
)

// ErrUnsupported is wrapped by the error of a mount that cannot be had here.
var ErrUnsupported = errors.New("no file system of its own can be put over the directory")

// Variable is the environment variable that makes an agent serve a directory, as Config.String has it.
const Variable = "PIDBOX_FAULT_DISK"

// Request is an order to the file system.
type Request struct {
	Op   string     `json:"op"` // put, remove, sync, power, end, hello
	ID   string     `json:"id,omitempty"`
	Spec fault.Spec `json:"spec"`
	Tear bool       `json:"tear,omitempty"` // power: a part of the first write that was not synced stays, for each file
	Seed uint64     `json:"seed,omitempty"` // of how much of it
}

// Answer is what came of it.
type Answer struct {
	Error string            `json:"error,omitempty"`
	Lost  fault.Lost        `json:"lost"`
	Hits  map[string]uint64 `json:"hits,omitempty"` // by fault: operations that met it
}

// Check checks a fault of the disk.
func Check(s fault.Spec) error {
	switch s.Kind {
	case fault.EIO, fault.NoSpace:
		if s.Delay != 0 || s.Jitter != 0 {
			return fmt.Errorf("%s takes no delay", s.Kind)
		}
	case fault.SlowSync:
		if s.Delay <= 0 || time.Duration(s.Delay) > time.Minute {
			return fmt.Errorf("delay of %v is not within 1ns to 1m", s.Delay)
		}
		if s.Jitter < 0 || s.Jitter > s.Delay {
			return fmt.Errorf("jitter of %v is not within 0s to the delay of %v", s.Jitter, s.Delay)
		}
	default:
		return fmt.Errorf("%q is not a fault of the disk", s.Kind)
	}
	if s.Percent < 0 || s.Percent > 100 {
		return fmt.Errorf("%v percent of the operations is not within 0 to 100", s.Percent)
	}
	if len(s.Ops) > 0 && s.Kind != fault.EIO {
		return fmt.Errorf("ops is only for %s", fault.EIO)
	}
	for _, op := range s.Ops {
		if !slices.Contains(operations(), op) {
			return fmt.Errorf("operation %q is not one of %v", op, operations())
		}
	}
	for _, p := range s.Paths {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return fmt.Errorf("path %q is not a pattern", p)
		}
	}
	if len(s.Peers) > 0 || s.Direction != "" || s.Rate != 0 || s.Leave != 0 {
		return fmt.Errorf("%s takes no peers, direction, rate and leave", s.Kind)
	}
	return nil
}

// The operations that a fault can meet.
const (
	opRead  = "read"
	opWrite = "write" // and what makes, moves and removes names
	opSync  = "fsync"
)

func operations() []string { return []string{opRead, opWrite, opSync} }

// Matches says that a file is meant, by its path in the directory or by its name alone; no pattern means all.
func Matches(patterns []string, name string) bool {
	if len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		whole, _ := path.Match(p, name)
		last, _ := path.Match(p, path.Base(name))
		return whole || last
	})
}

// trashName is the directory, in the one that is served and not seen in it, that keeps files which were removed or replaced
// and may have to come back.
const trashName = ".pidbox-disk"
