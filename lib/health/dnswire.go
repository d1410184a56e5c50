package health

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// What of RFC 1035 finds the addresses of a name. Package dnsmessage knows all of it, and makes its tables at the start of
// every program that has it.

// record is the type of a resource record.
type record uint16

const (
	recordA    record = 1
	recordAAAA record = 28 // RFC 3596
)

const (
	headSize = 12
	optSize  = 11 // of the one additional record of a question
	inet     = 1  // the class of all
)

// question asks for the addresses of a whole name, which ends with a dot, of one family. Not every text is a name.
func question(id uint16, name string, kind record) (query []byte, ok bool) {
	const recursionDesired, edns, payload = 1 << 8, 41, 1232 // bytes of an answer that no network splits
	const longestLabel, longestName = 63, 255
	for _, n := range []uint16{id, recursionDesired, 1, 0, 0, 1} {
		query = binary.BigEndian.AppendUint16(query, n)
	}
	labels, whole := strings.CutSuffix(name, ".")
	if !whole || len(name)+1 > longestName {
		return nil, false
	}
	for label := range strings.SplitSeq(labels, ".") {
		if label == "" || len(label) > longestLabel {
			return nil, false
		}
		query = append(append(query, byte(len(label))), label...)
	}
	query = append(query, 0, 0, byte(kind), 0, inet)
	opt := [optSize]byte{2: edns, 3: payload >> 8, 4: payload & 0xff}
	return append(query, opt[:]...), true
}

// reply is what a name server sent.
type reply []byte

func (r reply) flags() uint16 { return binary.BigEndian.Uint16(r[2:]) }

// truncated says that it did not fit into a datagram.
func (r reply) truncated() bool { return r.flags()&(1<<9) != 0 }

// failure is why the server has no answer, "" where it has one: that there is no such name is one.
func (r reply) failure() string {
	const nameError, codes = 3, 0xf
	names := [...]string{1: "FormatError", 2: "ServerFailure", 4: "NotImplemented", 5: "Refused"}
	switch code := int(r.flags() & codes); {
	case code == 0 || code == nameError:
		return ""
	case code < len(names):
		return names[code]
	default:
		return fmt.Sprint(code)
	}
}

// answers says that it is the answer to a question, whatever that is: it has the number, and repeats the question, perhaps in
// other letters.
func (r reply) answers(query []byte) bool {
	const response = 1 << 15
	asked := query[headSize : len(query)-optSize]
	if len(r) < headSize+len(asked) || r[0] != query[0] || r[1] != query[1] || r.flags()&response == 0 ||
		binary.BigEndian.Uint16(r[4:]) != 1 {
		return false
	}
	for i, b := range asked {
		if lower(b) != lower(r[headSize+i]) {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// addresses are those in the answer to a question, those of the names that it is led to among them.
func (r reply) addresses(query []byte) (all []netip.Addr, ok bool) {
	const typeAt, lengthAt, fixed = 0, 8, 10
	rest := r[len(query)-optSize:]
	for range binary.BigEndian.Uint16(r[6:]) {
		if rest, ok = rest.behindName(); !ok || len(rest) < fixed {
			return nil, false
		}
		kind, size := record(binary.BigEndian.Uint16(rest[typeAt:])), int(binary.BigEndian.Uint16(rest[lengthAt:]))
		if rest = rest[fixed:]; len(rest) < size {
			return nil, false
		}
		ip, is := netip.AddrFromSlice(rest[:size])
		if kind == recordA || kind == recordAAAA {
			if !is || ip.Is4() != (kind == recordA) {
				return nil, false
			}
			all = append(all, ip)
		}
		rest = rest[size:]
	}
	return all, true
}

// behindName is what follows a name, which ends with an empty label or with a pointer to one that stands before.
func (r reply) behindName() (rest reply, ok bool) {
	const pointer = 0xc0
	for len(r) > 0 {
		n := int(r[0])
		switch {
		case n == 0:
			return r[1:], true
		case n&pointer == pointer && len(r) > 1:
			return r[2:], true
		case n&pointer != 0 || len(r) <= n:
			return nil, false
		}
		r = r[1+n:]
	}
	return nil, false
}
