package cut

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"pidbox/lib/fault"
)

// Table is an nftables table, of the family inet and in the network namespace of the process that opened it.
type Table struct {
	name    string
	port    uint16
	netns   *os.File // nil: the caller's
	mu      sync.Mutex
	queues  map[string]*queue
	chains  map[string][]string // by the id of the fault
	targets queueTarget
	made    bool
}

// Open removes what an earlier process left in the table called name. The table itself is made with the first fault.
// Packets from and to the own TCP port always pass; 0 is none. It needs no privilege until there is a fault. netns is the
// network namespace of the member, nil for the caller's; it is closed with the table.
func Open(name string, port uint16, netns *os.File) *Table {
	t := &Table{name: name, port: port, netns: netns, queues: map[string]*queue{}, chains: map[string][]string{}}
	_ = t.drop() // without the privilege there can be nothing to remove, and Unsupported will say so
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
	var err error
	if t.made {
		err = t.drop()
	}
	if t.netns != nil {
		t.netns.Close()
	}
	return err
}

func (t *Table) drop() error {
	return t.send(func(c *nftables.Conn) error {
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
	if OnReceipt(r.Kind) {
		var err error
		if q, err = t.listen(r); err != nil {
			return unsupported(err)
		}
	}
	var chains []string
	put := func(c *nftables.Conn) error {
		c.AddTable(t.table())
		t.remove(c, id)
		var err error
		chains, err = t.add(c, t.table(), id, r, q)
		return err
	}
	err := t.send(put)
	if t.lost(id, err) {
		if err = t.drop(); err == nil {
			delete(t.chains, id)
			err = t.send(put)
		}
	}
	if err != nil {
		q.close()
		return unsupported(fmt.Errorf("nftables: %w", err))
	}
	t.made = true
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
	err := t.send(func(c *nftables.Conn) error { t.remove(c, id); return nil })
	if t.lost(id, err) {
		err = t.drop()
	}
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	t.queues[id].close() // only now: no packet is left behind in a queue that nobody reads
	delete(t.queues, id)
	delete(t.chains, id)
	return nil
}

// lost says that somebody else has removed what id was put into: a firewall that is loaded anew flushes the whole
// ruleset. What may be left of the table goes then, for a fault that nobody can heal is worse than one that is healed
// too early.
func (t *Table) lost(id string, err error) bool {
	return t.chains[id] != nil && errors.Is(err, unix.ENOENT)
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
	c, err := t.connect()
	if err != nil {
		return 0, 0, err
	}
	o, err := c.GetObject(counter(t.table(), id))
	if err != nil {
		return 0, 0, fmt.Errorf("nftables: read the counter of %s: %w", id, err)
	}
	if n, ok := o.(*nftables.CounterObj); ok {
		packets, bytes = n.Packets, n.Bytes
	}
	return packets, bytes, nil
}

// Unsupported tells which network faults cannot be had, and why. Each is tried in a table of another name that never
// comes into force.
func (t *Table) Unsupported() map[fault.Kind]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	probe := &nftables.Table{Family: nftables.TableFamilyINet, Name: t.name + "_probe"}
	not := map[fault.Kind]string{}
	for _, k := range []fault.Kind{fault.Drop, fault.Loss, fault.Slow, fault.Rate, fault.Reset, fault.Reorder, fault.Garble, fault.Repeat} {
		r, err := Parse(fault.Spec{Kind: k, Peers: []string{"192.0.2.1"}, Percent: 50, Rate: 1 << 20,
			Delay: fault.Duration(time.Millisecond), Hold: fault.Duration(time.Second)})
		var q *queue
		if err == nil && OnReceipt(k) {
			q, err = t.listen(r)
		}
		if err == nil {
			err = t.send(func(c *nftables.Conn) error {
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
func (t *Table) send(fill func(*nftables.Conn) error) error {
	c, err := t.connect()
	if err != nil {
		return err
	}
	if err := fill(c); err != nil {
		return err
	}
	return c.Flush()
}

func (t *Table) connect() (*nftables.Conn, error) {
	if t.netns == nil {
		return nftables.New()
	}
	return nftables.New(nftables.WithNetNSFd(int(t.netns.Fd())))
}

func unsupported(err error) error {
	for _, no := range []syscall.Errno{unix.EPERM, unix.EACCES, unix.ENOENT, unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	}
	return err
}
