package health

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// remote asks the name servers. That a name does not exist, or has no address, is an answer only if nothing failed on
// the way to it.
func (r resolver) remote(ctx context.Context, host string) ([]netip.Addr, error) {
	s := r.servers()
	var failed error
	for _, name := range s.names(host) {
		all, err := r.both(ctx, &s, name)
		switch {
		case len(all) > 0:
			return all, nil
		case err != nil && failed == nil:
			failed = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if failed != nil {
		return nil, failed
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// both asks for the addresses of both families at once, and waits a moment for the second answer if the first has some.
func (r resolver) both(ctx context.Context, s *servers, name string) ([]netip.Addr, error) {
	type answer struct {
		kind dnsmessage.Type
		all  []netip.Addr
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, 2)
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeAAAA, dnsmessage.TypeA} {
		go func() {
			all, err := r.one(ctx, s, name, kind)
			answers <- answer{kind, all, err}
		}()
	}
	found := map[dnsmessage.Type][]netip.Addr{}
	var failed error
	var late <-chan time.Time
	for range 2 {
		select {
		case a := <-answers:
			found[a.kind] = a.all
			if a.err != nil {
				failed = a.err
			}
			if len(a.all) > 0 {
				late = time.After(nextAddress)
			}
		case <-late:
		}
	}
	six, four := found[dnsmessage.TypeAAAA], found[dnsmessage.TypeA]
	var all []netip.Addr
	for i := range max(len(six), len(four)) {
		if i < len(six) {
			all = append(all, six[i])
		}
		if i < len(four) {
			all = append(all, four[i])
		}
	}
	return all, failed
}

// one asks for the addresses of one family, of the next server when one has failed or has been silent for a while.
func (r resolver) one(ctx context.Context, s *servers, name string, kind dnsmessage.Type) ([]netip.Addr, error) {
	query, err := question(name, kind)
	if err != nil {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	const patience = time.Second
	first, n := 0, len(s.addresses)
	if s.rotate {
		first = rand.N(n)
	}
	all, errs := staggered(ctx, n*s.attempts, patience, func(ctx context.Context, i int) ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		server := s.addresses[(first+i)%n]
		all, err := r.exchange(ctx, s.overTCP, server, query)
		if err != nil {
			err = &net.DNSError{UnwrapErr: err, Err: err.Error(), Name: name, Server: server, IsTimeout: isTimeout(err)}
		}
		return all, err
	}, func([]netip.Addr) {})
	if errs != nil {
		return nil, errs[0]
	}
	return all, nil
}

func question(name string, kind dnsmessage.Type) ([]byte, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: kind, Class: dnsmessage.ClassINET}},
	}
	var large dnsmessage.ResourceHeader
	const payload = 1232 // bytes of an answer that no network splits
	if err := large.SetEDNS0(payload, dnsmessage.RCodeSuccess, false); err != nil {
		return nil, err
	}
	m.Additionals = []dnsmessage.Resource{{Header: large, Body: &dnsmessage.OPTResource{}}}
	return m.Pack()
}

// exchange sends a question and reads its answer; what is none is read over. A long answer is asked for again, over TCP.
func (r resolver) exchange(ctx context.Context, overTCP bool, server string, query []byte) ([]netip.Addr, error) {
	network := "udp"
	if overTCP {
		network = "tcp"
	}
	conn, err := r.ask(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for sent := false; ; sent = true {
		reply, err := roundTrip(conn, query, !sent)
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return nil, err
		}
		var m dnsmessage.Message
		if m.Unpack(reply) != nil || !answers(&m, query) {
			continue
		}
		switch {
		case m.Truncated && !overTCP:
			return r.exchange(ctx, true, server, query)
		case m.RCode != dnsmessage.RCodeSuccess && m.RCode != dnsmessage.RCodeNameError:
			return nil, fmt.Errorf("it answered %s", strings.TrimPrefix(m.RCode.String(), "RCode"))
		}
		return addresses(&m), nil
	}
}

// roundTrip speaks to a server over UDP, or over TCP with the length in front. Another reply comes without a question.
func roundTrip(conn net.Conn, query []byte, send bool) ([]byte, error) {
	const most = 1 << 16
	reply := make([]byte, most)
	if _, datagrams := conn.(net.PacketConn); datagrams {
		if send {
			if _, err := conn.Write(query); err != nil {
				return nil, err
			}
		}
		n, err := conn.Read(reply)
		return reply[:n], err
	}
	if send {
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
			return nil, err
		}
	}
	if _, err := io.ReadFull(conn, reply[:2]); err != nil {
		return nil, err
	}
	reply = reply[:binary.BigEndian.Uint16(reply)]
	_, err := io.ReadFull(conn, reply)
	return reply, err
}

// answers says that a message is the answer to a question.
func answers(m *dnsmessage.Message, query []byte) bool {
	var q dnsmessage.Message
	if q.Unpack(query) != nil || len(m.Questions) != 1 {
		return false
	}
	asked, said := q.Questions[0], m.Questions[0]
	return m.Response && m.ID == q.ID && said.Type == asked.Type && strings.EqualFold(said.Name.String(), asked.Name.String())
}

func addresses(m *dnsmessage.Message) (all []netip.Addr) {
	for _, a := range m.Answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			all = append(all, netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			all = append(all, netip.AddrFrom16(body.AAAA))
		}
	}
	return all
}
