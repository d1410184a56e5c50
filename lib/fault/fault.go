// Package fault is what fault-agent and fault-tester say to each other: the states of a member, the faults that
// can be put on it, and the JSON of the agent's HTTP interface.
package fault

import (
	"encoding/json"
	"fmt"
	"time"

	"pidbox/lib/duration"
)

// State is what a member is doing, from its process and not from what was asked for.
type State string

// The states of a member.
const (
	New     State = "new"     // the agent has not started it yet
	Running State = "running" // its process is alive
	Paused  State = "paused"  // alive and stopped by a signal, with a hold
	Stopped State = "stopped" // ended because the agent was told to end it
	Exited  State = "exited"  // ended by itself
	Wiped   State = "wiped"   // ended, and its data removed or moved away
)

// Kind names a fault that the agent puts on a member beside its process.
type Kind string

// The kinds of faults.
const (
	Drop    Kind = "drop"      // packets to and from peers vanish
	Loss    Kind = "loss"      // a percentage of them does
	Slow    Kind = "slow"      // they are delayed
	Rate    Kind = "rate"      // those above so many bytes a second vanish
	Reset   Kind = "reset"     // TCP connections are reset, and other packets vanish
	Reorder Kind = "reorder"   // a percentage comes later than those behind it, by the delay
	Garble  Kind = "garble"    // a percentage comes with a byte that is wrong
	Repeat  Kind = "duplicate" // a percentage comes twice
	Fill    Kind = "fill"      // the file system of the member's directory is full

	EIO      Kind = "eio"        // operations on its files fail
	NoSpace  Kind = "enospc"     // what takes space in its directory fails
	SlowSync Kind = "slow-fsync" // fsync and fdatasync take longer
)

// Power is not a Kind but an order: a kill that loses what was not synced. Its name stands among what is unsupported.
const Power Kind = "power"

// Kinds lists the kinds in the order in which they are told.
func Kinds() []Kind {
	return []Kind{Drop, Loss, Slow, Rate, Reset, Reorder, Garble, Repeat, Fill, EIO, NoSpace, SlowSync}
}

// Direction says which packets a network fault meets, seen from the member.
type Direction string

// The directions; the empty one is Both.
const (
	Both Direction = "both"
	In   Direction = "in"
	Out  Direction = "out"
)

// Spec is a fault as it is asked for with PUT /v1/faults/ID.
type Spec struct {
	Kind      Kind      `json:"kind"`
	Peers     []string  `json:"peers,omitempty"` // addresses, IPv4 or IPv6
	Direction Direction `json:"direction,omitempty"`
	Percent   float64   `json:"percent,omitempty"` // loss: of the packets, above 0 to 100
	Delay     Duration  `json:"delay,omitempty"`   // slow
	Jitter    Duration  `json:"jitter,omitempty"`  // slow: the delay varies by as much, evenly
	Rate      uint64    `json:"rate,omitempty"`    // rate: bytes a second
	Leave     uint64    `json:"leave,omitempty"`   // fill: bytes left free
	Paths     []string  `json:"paths,omitempty"`   // of the disk: patterns of names, or of paths in the directory; none is all
	Ops       []string  `json:"ops,omitempty"`     // eio: read, write, fsync; none is all
	Hold      Duration  `json:"hold"`              // the fault heals by itself after this
}

// Active is a fault in force.
type Active struct {
	ID      string    `json:"id"`
	Spec              // as asked for
	Until   time.Time `json:"until"`   // when it heals by itself
	Packets uint64    `json:"packets"` // met by it so far
	Bytes   uint64    `json:"bytes"`   // of those packets, or of the file that fills
	Hits    uint64    `json:"hits"`    // of the disk: operations that met it
	Free    uint64    `json:"free"`    // fill: what is free all the same
}

// Exit is how a process ended.
type Exit struct {
	Code   int       `json:"code"`             // when no signal ended it; -1: not known, the agent was not its parent
	Signal string    `json:"signal,omitempty"` // TERM, KILL
	At     time.Time `json:"at"`
}

// String says how it ended, as a message does.
func (e Exit) String() string {
	switch {
	case e.Signal != "":
		return "killed by SIG" + e.Signal
	case e.Code < 0:
		return "exited; exit code unknown"
	}
	return fmt.Sprintf("exited with status %d", e.Code)
}

// Status is the answer to GET /v1/status and to every order.
type Status struct {
	State       State           `json:"state"`
	PID         int             `json:"pid,omitempty"`
	Processes   int             `json:"processes,omitempty"` // of the member; an order hits them all
	Reach       string          `json:"reach,omitempty"`     // cgroup or tree: by what they are found
	Since       time.Time       `json:"since"`
	Exit        *Exit           `json:"exit,omitempty"` // of the last process that ended
	Unexpected  int             `json:"unexpected"`     // exits that nobody asked for, since Began
	Began       time.Time       `json:"began,omitzero"` // when this agent was started
	Faults      []Active        `json:"faults"`
	Unsupported map[Kind]string `json:"unsupported"` // faults that cannot be had here, and why
	Dir         bool            `json:"dir"`         // there is a directory to wipe, archive and fill
	MaxHold     Duration        `json:"max_hold"`
	Addresses   []string        `json:"addresses,omitempty"` // by which others may reach the member
	Lease       string          `json:"lease,omitempty"`     // who holds the member
	Archive     string          `json:"archive,omitempty"`   // where the last archive went
	Lost        *Lost           `json:"lost,omitempty"`      // by the last power failure or corruption
}

// Order is the body of POST /v1/start, restart, stop, kill, pause, wipe and archive; an empty body is an empty order.
type Order struct {
	Hold    Duration `json:"hold,omitempty"`    // the member is started, or resumed, again after this
	Stacks  bool     `json:"stacks,omitempty"`  // archive: QUIT instead of TERM
	Tear    bool     `json:"tear,omitempty"`    // power: a part of the first write that was not synced stays
	Paths   []string `json:"paths,omitempty"`   // corrupt: patterns of names, or of paths in the directory
	Flip    int      `json:"flip,omitempty"`    // corrupt: so many bits in each file
	Cut     int64    `json:"cut,omitempty"`     // corrupt: so many bytes from the end of each file
	Seed    uint64   `json:"seed,omitempty"`    // power, corrupt: of what is drawn
	Variant string   `json:"variant,omitempty"` // of the command, among those that the agent has, for the start that follows
}

// Lost is what a power failure took back, or a corruption changed.
type Lost struct {
	Files int      `json:"files"`          // with content that was lost or changed
	Bytes uint64   `json:"bytes"`          // of those
	Names int      `json:"names"`          // that were made, moved or removed in vain
	Torn  []string `json:"torn,omitempty"` // files in which a part of a write stayed
}

// Lease is the body of PUT /v1/lease. While it is held, orders must carry its ID in the header LeaseHeader.
// A lease that is not renewed in time ends, and every fault with it.
type Lease struct {
	ID    string   `json:"id"`
	Owner string   `json:"owner"` // for the message that others get
	TTL   Duration `json:"ttl"`
}

// LeaseHeader is the HTTP header that carries the lease's ID.
const LeaseHeader = "Fault-Lease"

// LogSize is the HTTP header of GET /v1/log with the length of the member's log, and LogLimit the most that is sent of it.
const (
	LogSize  = "Fault-Log-Size"
	LogLimit = 16 << 20
)

// Problem is the body of an answer that is an error.
type Problem struct {
	Error string `json:"error"`
}

// Duration is a time.Duration that reads and writes "1.5s" in JSON; bare numbers are seconds.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes Go's syntax.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads Go's syntax, or seconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	s := string(b)
	if len(s) > 0 && s[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	}
	v, err := duration.Parse(s)
	*d = Duration(v)
	return err
}
