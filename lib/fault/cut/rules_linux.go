package cut

import (
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"pidbox/lib/fault"
)

func counter(table *nftables.Table, id string) *nftables.CounterObj {
	return &nftables.CounterObj{Table: table, Name: id}
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
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: neighbours()})
		}
		if r.Kind == fault.Reset {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: resets()})
		}
		if r.Kind == fault.Repeat {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: repeats()})
		}
		for i, v := range versions() {
			if r.Kind == fault.Reset {
				c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(match(v, sets[i], in), reset(id)...)})
			}
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(match(v, sets[i], in), t.action(id, r, q)...)})
		}
	}
	if r.Direction != fault.Out || OnReceipt(r.Kind) {
		add("-in", nftables.ChainHookInput, true)
	}
	if r.Direction != fault.In && !OnReceipt(r.Kind) {
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

// neighbours is what IPv6 finds the machines of a link by, as IPv4 does by ARP, which no rule meets: without them
// nothing reaches the agent's port for long.
func neighbours() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{135}}, // neighbour solicitation, RFC 4861
		&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{136}}, // neighbour advertisement
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

// resets are packets that reset a connection: the kernel's own, by which a packet that came in is answered, must get out.
func resets() []expr.Any {
	const flags, rst = 13, 4 // the place in the header of TCP, and the flag
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: flags, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{rst}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0}},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// repeats are the second copies, which are told by a mark and are not met again.
func repeats() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(repeatMark)},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// reset answers a packet of TCP as if its connection were not known.
func reset(id string) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Objref{Type: int(nftables.ObjTypeCounter), Name: id},
		&expr.Reject{Type: unix.NFT_REJECT_TCP_RST},
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
	case fault.Slow, fault.Reorder, fault.Garble, fault.Repeat:
		return []expr.Any{count, t.targets.expr(q)}
	}
	return drop
}
