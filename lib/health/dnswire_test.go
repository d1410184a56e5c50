package health

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// askedFor is what a question is to others.
func askedFor(t *testing.T, name string, kind record) (query []byte, m dnsmessage.Message) {
	t.Helper()
	query, ok := question(0xbeef, name, kind)
	if err := m.Unpack(query); !ok || err != nil || len(m.Questions) != 1 || len(m.Additionals) != 1 {
		t.Fatalf("%s: %t, %v, %+v", name, ok, err, m)
	}
	return query, m
}

func TestQuestion(t *testing.T) {
	_, m := askedFor(t, "db.a.example.", recordAAAA)
	q, opt := m.Questions[0], m.Additionals[0].Header
	if m.ID != 0xbeef || !m.RecursionDesired || m.Response || q.Name.String() != "db.a.example." || q.Type != dnsmessage.TypeAAAA ||
		q.Class != dnsmessage.ClassINET || opt.Type != dnsmessage.TypeOPT || opt.Class != 1232 {
		t.Errorf("%+v", m)
	}
	label := strings.Repeat("x", 63)
	for _, name := range []string{"", ".", "..", "a", "a..b.", ".a.", label + "x.", strings.Repeat("long.", 51)} {
		if _, ok := question(1, name, recordA); ok {
			t.Errorf("%q is a name", name)
		}
	}
	askedFor(t, label+"."+label+"."+label+"."+label[:61]+".", recordA)
}

// An answer as package dnsmessage packs it: with pointers instead of names, an alias, other letters, records of other kinds.
func TestReply(t *testing.T) {
	query, m := askedFor(t, "Web.Example.", recordA)
	alias := dnsmessage.MustNewName("real.example.")
	head := func(name dnsmessage.Name, kind dnsmessage.Type) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: name, Type: kind, Class: dnsmessage.ClassINET}
	}
	m.Response = true
	m.Questions[0].Name = dnsmessage.MustNewName("wEB.eXAMPLE.")
	m.Answers = []dnsmessage.Resource{
		{Header: head(m.Questions[0].Name, dnsmessage.TypeCNAME), Body: &dnsmessage.CNAMEResource{CNAME: alias}},
		{Header: head(alias, dnsmessage.TypeA), Body: &dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}}},
		{Header: head(alias, dnsmessage.TypeTXT), Body: &dnsmessage.TXTResource{TXT: []string{"x"}}},
		{Header: head(alias, dnsmessage.TypeAAAA), Body: &dnsmessage.AAAAResource{AAAA: [16]byte{0: 0xfd, 15: 1}}},
	}
	pack := func() reply {
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := pack()
	want := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
	if all, ok := good.addresses(query); !good.answers(query) || !ok || !slices.Equal(all, want) || good.truncated() || good.failure() != "" {
		t.Errorf("%t, %v, %q", ok, all, good.failure())
	}
	for n := range good { // cut anywhere, it is no answer, or none that is whole
		if n < len(query)-optSize && good[:n].answers(query) {
			t.Errorf("the first %d bytes answer", n)
		} else if n >= len(query)-optSize && n < len(good)-optSize {
			if all, ok := good[:n].addresses(query); ok {
				t.Errorf("the first %d bytes hold %v", n, all)
			}
		}
	}
	m.Truncated = true
	for code, text := range map[dnsmessage.RCode]string{0: "", 1: "FormatError", 2: "ServerFailure", 3: "", 4: "NotImplemented", 5: "Refused", 6: "6", 15: "15"} {
		m.RCode = code
		if got := pack(); !got.truncated() || got.failure() != text {
			t.Errorf("%v: %t, %q", code, got.truncated(), got.failure())
		}
	}
	for name, change := range map[string]func(){
		"another number":   func() { m.ID++ },
		"a question":       func() { m.Response = false },
		"another type":     func() { m.Questions[0].Type = dnsmessage.TypeAAAA },
		"another name":     func() { m.Questions[0].Name = dnsmessage.MustNewName("web.exampla.") },
		"no question":      func() { m.Questions = nil },
		"of two questions": func() { m.Questions = append(m.Questions, m.Questions[0]) },
	} {
		was := m
		m.Questions = slices.Clone(m.Questions)
		if change(); pack().answers(query) {
			t.Errorf("%s is an answer", name)
		}
		m = was
	}
}

// FuzzReply: whatever a server sends is read without a panic, and as package dnsmessage reads it where both can.
func FuzzReply(f *testing.F) {
	query, _ := question(0xbeef, "web.example.", recordA)
	head := append([]byte{0xbe, 0xef, 0x80, 0, 0, 1, 0, 2, 0, 0, 0, 0}, query[headSize:len(query)-optSize]...)
	f.Add(append(slices.Clone(head), "\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x00\x00\x02\xc0\x0c\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x00\x00\x01"...))
	f.Add(head[:headSize])
	f.Fuzz(func(t *testing.T, text []byte) {
		r := reply(text)
		if !r.answers(query) {
			return
		}
		r.truncated()
		r.failure()
		got, ok := r.addresses(query)
		var m dnsmessage.Message
		if !ok || m.Unpack(text) != nil {
			return
		}
		var want []netip.Addr
		for _, a := range m.Answers {
			switch body := a.Body.(type) {
			case *dnsmessage.AResource:
				want = append(want, netip.AddrFrom4(body.A))
			case *dnsmessage.AAAAResource:
				want = append(want, netip.AddrFrom16(body.AAAA))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, and not %v", text, got, want)
		}
	})
}
