// Package agent stands beside one member of a cluster and breaks it when told to, over HTTP with JSON: it starts,
// stops, kills, pauses and wipes the member's process, and puts faults on its network and its disk.
//
// The command is fixed when the agent is made; no request carries an argument vector. What is told of the member
// comes from its process and not from what was asked for. Every fault has a hold and heals by itself when that is
// over, also when the agent is killed: the network's in the kernel (see package cut), a full disk with the
// descriptor of the file that fills it, a pause by a process of its own (see Guard). A member that was stopped with a
// hold is started again by the agent, and so only while that lives; the member itself outlives a killed agent, and
// the next one takes it over by its pidfile.
package agent

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/fault"
	"pidbox/lib/fault/cut"
	"pidbox/lib/pidfile"
	"pidbox/lib/spawn"
)

// Config says whose agent it is.
type Config struct {
	PIDFile   string
	Rules     pidfile.Rules
	Command   spawn.Command // of the member
	Variants  map[string]Variant
	Attach    *Attach       // nil: the agent starts the member
	Scope     string        // ScopeGroup or ScopeTree; "": a group where one can be had, else a tree
	Guard     spawn.Command // which runs Guard
	Dir       string        // the member's directory; "" is none
	Disk      bool          // put a file system over it, for faults of the disk
	Mine      []string      // paths that are not the member's, if they lie in Dir: the agent's socket, its token; "" is none
	Grace     time.Duration // between TERM and KILL
	MaxHold   time.Duration
	NetNS     string // the member's network namespace: a PID, or a file; "": the agent's own
	Table     string // name of the nftables table
	Port      uint16 // the agent's own, which no fault cuts; 0 is none
	Certified bool   // askers show a certificate
	Log       func(format string, args ...any)
}

// Agent is beside one member. Its methods may be called concurrently; orders run one after the other.
type Agent struct {
	Config
	table       *cut.Table
	root        *os.Root // of Dir
	unsupported map[fault.Kind]string
	group       *group         // for members that are started here; nil: their tree is followed
	orphans     *child.Orphans // of that tree
	began       time.Time

	order  sync.Mutex // held by whoever changes the member or its faults
	closed bool       // guarded by order: nothing is started any more

	mu         sync.Mutex // guards what follows; never held while something is waited for
	member     *member    // nil: no process
	state      fault.State
	since      time.Time
	exit       *fault.Exit
	unexpected int
	archive    string
	lost       *fault.Lost
	faults     map[string]*active
	again      *time.Timer  // starts the member after the hold of a stop
	lease      *lease       // nil: nobody's
	helpers    map[int]bool // children of the agent that are none of the member
}

// refusal is an error that is not the agent's: a status of HTTP.
type refusal struct {
	status int
	error
}

func refuse(status int, format string, args ...any) error {
	return refusal{status, fmt.Errorf(format, args...)}
}

// New makes the agent, removes what a killed one has left, and takes over the member if its pidfile names a live
// process, which it resumes.
func New(c Config) (_ *Agent, err error) {
	a := &Agent{Config: c, state: fault.New, began: time.Now(), since: time.Now(), faults: map[string]*active{}, helpers: map[int]bool{}}
	if a.Attach == nil {
		if err := a.prepare(); err != nil {
			return nil, err
		}
	}
	noDisk := a.openDisk()
	if c.Dir != "" {
		if a.root, err = os.OpenRoot(c.Dir); err != nil {
			return nil, fmt.Errorf("directory of the member: %w", err)
		}
	}
	netns, err := openNetNS(c.NetNS)
	if err != nil {
		return nil, err
	}
	a.table = cut.Open(c.Table, c.Port, netns)
	a.unsupported = a.table.Unsupported()
	if a.root == nil {
		a.unsupported[fault.Fill] = "the agent has no directory"
	}
	if noDisk != nil {
		for _, k := range []fault.Kind{fault.EIO, fault.NoSpace, fault.SlowSync, fault.Power} {
			a.unsupported[k] = noDisk.Error()
		}
	}
	if a.Attach != nil {
		return a, a.attached()
	}
	return a, a.adopt()
}

func openNetNS(where string) (*os.File, error) {
	if where == "" {
		return nil, nil
	}
	if _, err := strconv.Atoi(where); err == nil {
		where = "/proc/" + where + "/ns/net"
	}
	f, err := os.Open(where)
	if err != nil {
		return nil, fmt.Errorf("network namespace of the member: %w", err)
	}
	return f, nil
}

// Status tells of the member as it is.
func (a *Agent) Status() fault.Status {
	s, m := a.noted()
	if a.NetNS == "" { // else they are others than ours
		s.Addresses = addresses()
	}
	if m == nil {
		return s
	}
	if s.PID = m.PID(); s.PID == 0 {
		return s
	}
	s.Reach = ScopeTree
	if _, is := m.reach.(group); is {
		s.Reach = ScopeGroup
	}
	if pids, err := m.reach.members(); err == nil {
		s.Processes = len(pids)
	}
	if paused, err := m.reach.paused(); err == nil && paused {
		s.State = fault.Paused
	}
	return s
}

func (a *Agent) noted() (fault.Status, *member) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := fault.Status{State: a.state, Since: a.since, Exit: a.exit, Unexpected: a.unexpected, Began: a.began, Faults: []fault.Active{},
		Unsupported: a.unsupported, Dir: a.root != nil, MaxHold: fault.Duration(a.MaxHold), Lease: a.lease.owner(), Archive: a.archive, Lost: a.lost}
	m := a.member
	if m != nil && m.guard != nil {
		s.Since = m.guard.since
	}
	for _, id := range slices.Sorted(maps.Keys(a.faults)) {
		s.Faults = append(s.Faults, a.told(a.faults[id]))
	}
	return s, m
}

// Heal ends every fault, resumes a paused member, and starts one that was stopped for a hold.
func (a *Agent) Heal() error {
	a.order.Lock()
	defer a.order.Unlock()
	return a.heal(true)
}

func (a *Agent) heal(start bool) error {
	a.mu.Lock()
	m := a.member
	wasHeld := a.again != nil
	a.mu.Unlock()
	errs := []error{a.removeAll(fault.Kinds()...)}
	if m != nil {
		errs = append(errs, a.resume(m))
	}
	if wasHeld && start {
		errs = append(errs, a.start(""))
	}
	return errors.Join(errs...)
}

// Close heals everything, stops the member and removes the table. It is the end of the agent.
func (a *Agent) Close() error {
	a.order.Lock()
	defer a.order.Unlock()
	a.closed = true
	a.mu.Lock()
	a.lease.stop()
	a.mu.Unlock()
	var err error
	if a.Attach != nil { // it is not ours to end, and what we have ended is brought back
		a.closed = false
		err = a.heal(true)
		a.closed = true
	} else {
		err = errors.Join(a.heal(false), a.stop(a.graceful()))
	}
	return errors.Join(err, a.table.Close(), a.closeDisk())
}

// Abandon heals what can be healed at once; for a panic, where the member is better left to the next agent.
func (a *Agent) Abandon() {
	_ = a.table.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	if m := a.member; m != nil && m.guard != nil {
		m.guard.end()
	}
}
