package cut

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"pidbox/lib/fault"
)

// Table is an nftables table, of the family inet and in the network namespace of the process that opened it.
type Table struct {
	name    string
	port    uint16
	mu      sync.Mutex
	queues  map[string]*queue
	chains  map[string][]string // by the id of the fault
	targets queueTarget
}

// Open removes what an earlier process left in the table called name. The table itself is made with the first fault.
// Packets from and to the own TCP port always pass; 0 is none. It needs no privilege until there is a fault.
func Open(name string, port uint16) *Table {
	t := &Table{name: name, port: port, queues: map[string]*queue{}, chains: map[string][]string{}}
	_ = t.Close() // without the privilege there can be nothing to remove, and Unsupported will say so
	return t
}

func (t *Table) table() *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: t.name}
}

// Close removes the table and every fault in it.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, q := range t.queues {
		q.close()
		delete(t.queues, id)
	}
	clear(t.chains)
	return send(func(c *nftables.Conn) error {
		c.AddTable(t.table()) // or the removal of a table that is not there fails
		c.DelTable(t.table())
		return nil
	})
}

// Put brings the fault called id into force, in place of the one of that name.
func (t *Table) Put(id string, r Rule) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var q *queue
	if r.Kind == fault.Slow {
		var err error
		if q, err = t.listen(r); err != nil {
			return unsupported(err)
		}
	}
	var chains []string
	err := send(func(c *nftables.Conn) error {
		c.AddTable(t.table())
		t.remove(c, id)
		var err error
		chains, err = t.add(c, t.table(), id, r, q)
		return err
	})
	if err != nil {
		q.close()
		return unsupported(fmt.Errorf("nftables: %w", err))
	}
	t.queues[id].close()
	delete(t.queues, id)
	if q != nil {
		t.queues[id] = q
	}
	t.chains[id] = chains
	return nil
}

// Remove heals the fault called id; that there is none is no error.
func (t *Table) Remove(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.chains[id] == nil {
		return nil
	}
	if err := send(func(c *nftables.Conn) error { t.remove(c, id); return nil }); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	t.queues[id].close() // only now: no packet is left behind in a queue that nobody reads
	delete(t.queues, id)
	delete(t.chains, id)
	return nil
}

func (t *Table) remove(c *nftables.Conn, id string) {
	for _, name := range t.chains[id] {
		chain := &nftables.Chain{Table: t.table(), Name: name}
		c.FlushChain(chain)
		c.DelChain(chain)
	}
	if t.chains[id] != nil {
		for _, v := range versions() {
			c.DelSet(&nftables.Set{Table: t.table(), Name: id + v.suffix})
		}
		c.DeleteObject(counter(t.table(), id))
	}
}

// Count tells how many packets and bytes the fault called id has met.
func (t *Table) Count(id string) (packets, bytes uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.chains[id] == nil {
		return 0, 0, nil
	}
	var c nftables.Conn
	o, err := c.GetObject(counter(t.table(), id))
	if err != nil {
		return 0, 0, fmt.Errorf("nftables: read the counter of %s: %w", id, err)
	}
	if n, ok := o.(*nftables.CounterObj); ok {
		packets, bytes = n.Packets, n.Bytes
	}
	return packets, bytes, nil
}

func counter(table *nftables.Table, id string) *nftables.CounterObj {
	return &nftables.CounterObj{Table: table, Name: id}
}

// Unsupported tells which network faults cannot be had, and why. Each is tried in a table of another name that never
// comes into force.
func (t *Table) Unsupported() map[fault.Kind]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	probe := &nftables.Table{Family: nftables.TableFamilyINet, Name: t.name + "_probe"}
	not := map[fault.Kind]string{}
	for _, k := range []fault.Kind{fault.Drop, fault.Loss, fault.Slow, fault.Rate} {
		r, err := Parse(fault.Spec{Kind: k, Peers: []string{"192.0.2.1"}, Percent: 50, Rate: 1 << 20,
			Delay: fault.Duration(time.Millisecond), Hold: fault.Duration(time.Second)})
		var q *queue
		if err == nil && k == fault.Slow {
			q, err = t.listen(r)
		}
		if err == nil {
			err = send(func(c *nftables.Conn) error {
				c.AddTable(probe)
				_, err := t.add(c, probe, "probe", r, q)
				c.DelTable(probe)
				return err
			})
		}
		q.close()
		switch {
		case errors.Is(err, fs.ErrPermission):
			not[k] = "needs CAP_NET_ADMIN"
		case err != nil:
			not[k] = err.Error()
		}
	}
	return not
}

// send runs one transaction: all of it comes into force, or nothing.
func send(fill func(*nftables.Conn) error) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	if err := fill(c); err != nil {
		return err
	}
	return c.Flush()
}

func unsupported(err error) error {
	for _, no := range []syscall.Errno{unix.EPERM, unix.EACCES, unix.ENOENT, unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	}
	return err
}

// version is what differs between IPv4 and IPv6.
type version struct {
	suffix   string
	proto    byte
	key      nftables.SetDatatype
	src, dst uint32 // offsets in the header
	bits     int
}

func versions() []version {
	return []version{
		{"-4", unix.NFPROTO_IPV4, nftables.TypeIPAddr, 12, 16, 32},
		{"-6", unix.NFPROTO_IPV6, nftables.TypeIP6Addr, 8, 24, 128},
	}
}

// add writes the sets, chains and rules of one fault, and returns the names of the chains.
func (t *Table) add(c *nftables.Conn, table *nftables.Table, id string, r Rule, q *queue) ([]string, error) {
	var sets []*nftables.Set
	for _, v := range versions() {
		set := &nftables.Set{Table: table, Name: id + v.suffix, KeyType: v.key, HasTimeout: true}
		var elements []nftables.SetElement
		for _, a := range r.Addrs {
			if a.BitLen() == v.bits {
				elements = append(elements, nftables.SetElement{Key: a.AsSlice(), Timeout: time.Duration(r.Hold)})
			}
		}
		if err := c.AddSet(set, elements); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	c.AddObject(counter(table, id))
	var chains []string
	add := func(name string, hook *nftables.ChainHook, in bool) {
		chain := c.AddChain(&nftables.Chain{Table: table, Name: id + name, Type: nftables.ChainTypeFilter,
			Hooknum: hook, Priority: nftables.ChainPriorityRaw})
		chains = append(chains, chain.Name)
		if t.port != 0 {
			// both: a tester on this machine also talks to the agents on other machines, at the same port there
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: agentPort(t.port, sourcePort)})
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: agentPort(t.port, destinationPort)})
		}
		for i, v := range versions() {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(match(v, sets[i], in), t.action(id, r, q)...)})
		}
	}
	if r.Direction != fault.Out {
		add("-in", nftables.ChainHookInput, true)
	}
	if r.Direction != fault.In {
		add("-out", nftables.ChainHookOutput, false)
	}
	return chains, nil
}

// Offsets in the header of TCP.
const (
	sourcePort      = 0
	destinationPort = 2
)

func agentPort(port uint16, offset uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

func match(v version, set *nftables.Set, in bool) []expr.Any {
	offset := v.dst
	if in {
		offset = v.src
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{v.proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(v.bits / 8)},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
	}
}

func (t *Table) action(id string, r Rule, q *queue) []expr.Any {
	count := &expr.Objref{Type: int(nftables.ObjTypeCounter), Name: id}
	drop := []expr.Any{count, &expr.Verdict{Kind: expr.VerdictDrop}}
	switch r.Kind {
	case fault.Loss:
		return append([]expr.Any{
			&expr.Numgen{Register: 1, Modulus: 10000, Type: unix.NFT_NG_RANDOM},
			// numgen's number is in the host's order, and cmp compares bytes
			&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
			&expr.Cmp{Op: expr.CmpOpLt, Register: 1, Data: binaryutil.BigEndian.PutUint32(uint32(r.Percent * 100))},
		}, drop...)
	case fault.Rate:
		// The burst is a tenth of a second, but at least what a connection needs to get a full packet through.
		burst := uint32(min(max(r.Rate/10, 16<<10), 1<<30))
		return append([]expr.Any{&expr.Limit{Type: expr.LimitTypePktBytes, Rate: r.Rate, Over: true,
			Unit: expr.LimitTimeSecond, Burst: burst}}, drop...)
	case fault.Slow:
		return []expr.Any{count, t.targets.expr(q)}
	}
	return drop
}
