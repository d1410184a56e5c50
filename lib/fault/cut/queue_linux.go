package cut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"pidbox/lib/fault"
)

// queue holds packets back. The kernel hands over their numbers and keeps the packets; when the socket closes they
// are dropped, and later ones pass by the bypass flag.
type queue struct {
	number uint16
	conn   *netlink.Conn
	delay  time.Duration
	jitter time.Duration
	part   float64 // of the packets, to be reordered or garbled; 0: all are delayed
	garble bool
	copies *copies // of a fault that repeats packets, else nil
	held   chan held
	done   sync.WaitGroup
}

type held struct {
	id  uint32
	due time.Time
}

// From linux/netfilter/nfnetlink_queue.h.
const (
	queuePacket  = unix.NFNL_SUBSYS_QUEUE << 8
	queueVerdict = unix.NFNL_SUBSYS_QUEUE<<8 | 1
	queueConfig  = unix.NFNL_SUBSYS_QUEUE<<8 | 2

	configCommand, configParams, configLength = 1, 2, 3
	packetHeader, verdictHeader, payload      = 1, 2, 10
	copyHeader, copyPacket                    = 1, 2

	queueLength = 8192 // packets held at most; what comes above is dropped, as a slow line's router does
)

// listen binds a free queue number and begins to hold its packets.
func (t *Table) listen(r Rule) (*queue, error) {
	var config netlink.Config
	if t.netns != nil {
		config.NetNS = int(t.netns.Fd())
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &config)
	if err != nil {
		return nil, fmt.Errorf("nfqueue: %w", err)
	}
	q := &queue{conn: conn, delay: time.Duration(r.Delay), jitter: time.Duration(r.Jitter),
		part: r.Percent / 100, garble: r.Kind == fault.Garble, held: make(chan held, queueLength)}
	if r.Kind == fault.Repeat {
		if q.copies, err = t.openCopies(); err != nil {
			conn.Close()
			return nil, err
		}
	}
	start := rand.N(uint16(1 << 14)) // others in this namespace use low numbers
	for i := range uint16(64) {
		q.number = 1<<15 + start + i
		// a number that another process has bound answers EBUSY
		if err = q.configure(configCommand, []byte{1, 0, 0, 0}); !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	if err == nil {
		params := []byte{0, 0, 0, 0, copyHeader} // no bytes of the packet
		if q.garble || q.copies != nil {
			params = []byte{0, 0, 0xff, 0xff, copyPacket}
		}
		err = q.configure(configParams, params)
	}
	if err == nil {
		err = q.configure(configLength, binaryutil.BigEndian.PutUint32(queueLength))
	}
	if err == nil {
		err = t.probe(q)
	}
	if err != nil {
		conn.Close()
		q.copies.close()
		return nil, fmt.Errorf("nfqueue: %w", err)
	}
	_ = conn.SetReadBuffer(4 << 20) // best effort: a full buffer drops packets
	q.done.Go(q.receive)
	q.done.Go(q.release)
	return q, nil
}

func (q *queue) configure(attr uint16, data []byte) error {
	_, err := q.conn.Execute(q.message(queueConfig, netlink.Request|netlink.Acknowledge, netlink.Attribute{Type: attr, Data: data}))
	return err
}

func (q *queue) message(kind netlink.HeaderType, flags netlink.HeaderFlags, all ...netlink.Attribute) netlink.Message {
	body := []byte{unix.AF_UNSPEC, 0, byte(q.number >> 8), byte(q.number)} // struct nfgenmsg
	attrs, err := netlink.MarshalAttributes(all)
	if err != nil {
		panic(err) // only data above 64 KiB
	}
	return netlink.Message{Header: netlink.Header{Type: kind, Flags: flags}, Data: append(body, attrs...)}
}

// receive takes packets until the socket is closed.
func (q *queue) receive() {
	defer close(q.held)
	for {
		messages, err := q.conn.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			continue // the kernel dropped some
		}
		if err != nil {
			return
		}
		for _, m := range messages {
			if m.Header.Type != queuePacket || len(m.Data) < 4 {
				continue
			}
			attrs, err := netlink.UnmarshalAttributes(m.Data[4:])
			if err != nil {
				continue
			}
			q.take(attrs)
		}
	}
}

// take decides what becomes of a packet.
func (q *queue) take(attrs []netlink.Attribute) {
	var id uint32
	var data []byte
	for _, a := range attrs {
		switch {
		case a.Type == packetHeader && len(a.Data) >= 4:
			id = binary.BigEndian.Uint32(a.Data)
		case a.Type == payload:
			data = a.Data
		}
	}
	if id == 0 {
		return
	}
	chosen := q.part == 0 || rand.Float64() < q.part
	switch {
	case !chosen:
		q.pass(id, nil)
	case q.garble:
		q.pass(id, garbled(data))
	case q.copies != nil:
		q.pass(id, nil)
		q.copies.send(data)
	default:
		wait := q.delay
		if q.jitter > 0 {
			wait += rand.N(2*q.jitter) - q.jitter
		}
		q.held <- held{id, time.Now().Add(wait)}
	}
}

// garbled is a packet with another byte, behind the header of IP if it has any. Where the packet has a checksum its receiver
// finds that out, as on a bad line.
func garbled(data []byte) []byte {
	from := 20
	if len(data) > 0 && data[0]>>4 == 6 {
		from = 40
	}
	if len(data) <= from {
		return nil
	}
	data = slices.Clone(data)
	data[from+rand.N(len(data)-from)] ^= byte(1 + rand.N(255))
	return data
}

// release lets packets go when they are due, in the order in which they came: jitter does not reorder.
func (q *queue) release() {
	for h := range q.held {
		time.Sleep(time.Until(h.due))
		q.pass(h.id, nil)
	}
}

// pass lets a packet go, with other bytes if there are any.
func (q *queue) pass(id uint32, data []byte) {
	verdict := binary.BigEndian.AppendUint32(binaryutil.BigEndian.PutUint32(uint32(expr.VerdictAccept)), id)
	all := []netlink.Attribute{{Type: verdictHeader, Data: verdict}}
	if data != nil {
		all = append(all, netlink.Attribute{Type: payload, Data: data})
	}
	_, _ = q.conn.Send(q.message(queueVerdict, netlink.Request, all...)) // fails once closed
}

// close lets go of what is held: the kernel drops it, and the sender sends it again.
func (q *queue) close() {
	if q != nil {
		q.conn.Close()
		go func() {
			q.done.Wait() // what is due later wakes, fails to send, and ends
			q.copies.close()
		}()
	}
}

// queueTarget is how this kernel sends packets to a queue: its own expression, or else that of xtables.
type queueTarget struct {
	known  bool
	xtable bool
}

func (t *queueTarget) expr(q *queue) expr.Any {
	if !t.xtable {
		return &expr.Queue{Num: q.number, Flag: expr.QueueFlagBypass}
	}
	// struct xt_NFQ_info_v3, padded as xtables wants it: number, how many, flags
	info := xt.Unknown(make([]byte, 8))
	binary.NativeEndian.PutUint16(info, q.number)
	binary.NativeEndian.PutUint16(info[2:], 1)
	binary.NativeEndian.PutUint16(info[4:], 1)
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info}
}

// probe finds out how packets get into a queue here.
func (table *Table) probe(q *queue) error {
	t := &table.targets
	if t.known {
		return nil
	}
	var first error
	for _, t.xtable = range []bool{false, true} {
		probed := &nftables.Table{Family: nftables.TableFamilyINet, Name: table.name + "_queue"}
		err := table.send(func(c *nftables.Conn) error {
			c.AddTable(probed)
			chain := c.AddChain(&nftables.Chain{Table: probed, Name: "probe", Type: nftables.ChainTypeFilter,
				Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityRaw})
			c.AddRule(&nftables.Rule{Table: probed, Chain: chain, Exprs: []expr.Any{
				&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{255}},
				t.expr(q),
			}})
			c.DelTable(probed)
			return nil
		})
		if err == nil {
			t.known = true
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}
