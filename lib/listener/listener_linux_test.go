package listener

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// ours says that all sockets are open in this process.
func ours(t testing.TB, sockets []Socket, err error) bool {
	t.Helper()
	if err != nil || len(sockets) == 0 {
		t.Fatal(sockets, err)
	}
	left := map[uint64]Socket{}
	for _, s := range sockets {
		left[s.Inode] = s
		if s.UID != os.Geteuid() && s.UID != -1 {
			t.Errorf("%+v is not ours", s)
		}
	}
	if err := Strike(os.Getpid(), left); err != nil {
		t.Fatal(err)
	}
	return len(left) == 0
}

func TestTCP(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0", ":0"} {
		at := netip.MustParseAddrPort(listen(t, "tcp", address).Addr().String())
		asked := []netip.AddrPort{at}
		if at.Addr().IsUnspecified() && at.Addr().Is6() {
			asked = append(asked, netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()))
			asked = append(asked, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())) // by a socket of IPv6
		}
		for _, a := range asked {
			if sockets, err := TCP(a, nil); !ours(t, sockets, err) {
				t.Errorf("%s, bound to %s: %v", a, at, sockets)
			}
		}
		table, err := table("/proc/self", at.Port())
		if err != nil || len(table) == 0 {
			t.Errorf("%s in /proc: %v, %v", at, table, err)
		}
	}
	closed := listen(t, "tcp", "127.0.0.1:0")
	closed.Close()
	for _, a := range []string{closed.Addr().String(), "192.0.2.1:80"} { // nobody, and another machine
		if sockets, err := TCP(netip.MustParseAddrPort(a), []int{os.Getpid()}); !errors.Is(err, ErrUnseen) {
			t.Errorf("%s: %v, %v", a, sockets, err)
		}
	}
}

func TestPreferred(t *testing.T) {
	one, all, v6, six := netip.MustParseAddr("10.0.0.1"), netip.IPv4Unspecified(), netip.IPv6Unspecified(), netip.MustParseAddr("2001:db8::1")
	sockets := []binding{
		{Socket{1, 0}, one, false, false}, {Socket{2, 0}, all, false, false}, {Socket{3, 0}, v6, true, false},
		{Socket{4, 0}, v6, true, true}, {Socket{5, 0}, six, true, false}, {Socket{6, 0}, one, false, false},
	}
	for _, c := range []struct {
		ip   string
		of   []binding
		want string
	}{
		{"10.0.0.1", sockets, "[{1 0} {6 0}]"}, {"10.0.0.2", sockets, "[{2 0}]"}, {"10.0.0.2", sockets[2:], "[{3 0}]"},
		{"10.0.0.2", sockets[3:], "[]"}, {"2001:db8::1", sockets, "[{5 0}]"}, {"2001:db8::2", sockets, "[{3 0} {4 0}]"},
		{"2001:db8::2", sockets[:2], "[]"},
	} {
		if got := fmt.Sprint(preferred(c.of, netip.MustParseAddr(c.ip))); got != c.want {
			t.Errorf("%s: %s, want %s", c.ip, got, c.want)
		}
	}
}

// A socket is known by its file, whatever that is called by now; an abstract one by its name.
func TestUNIX(t *testing.T) {
	dir := t.TempDir()
	old, now := filepath.Join(dir, "old"), filepath.Join(dir, "new")
	l := listen(t, "unix", old)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := os.Rename(old, now); err != nil {
		t.Fatal(err)
	}
	listen(t, "unix", old) // and another one has its name
	if sockets, err := UNIX(now); !ours(t, sockets, err) || len(sockets) != 1 {
		t.Errorf("%v", sockets)
	}
	abstract := fmt.Sprintf("@pidbox-listener-%d", os.Getpid())
	listen(t, "unix", abstract)
	if sockets, err := UNIX(abstract); !ours(t, sockets, err) {
		t.Errorf("%v", sockets)
	}
	if pid, err := Acceptor(now); pid != os.Getpid() || err != nil {
		t.Errorf("accepted by %d, %v", pid, err)
	}
	if _, err := UNIX(filepath.Join(dir, "none")); err == nil {
		t.Error("there is none")
	}
	if _, err := UNIX("@pidbox-none"); !errors.Is(err, ErrUnseen) {
		t.Error(err)
	}
}

func TestHolder(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	sockets, err := TCP(netip.MustParseAddrPort(l.Addr().String()), nil)
	if !ours(t, sockets, err) || Holder(sockets[0]) != os.Getpid() {
		t.Errorf("%v", sockets)
	}
	l.Close()
	if pid := Holder(sockets[0]); pid != 0 {
		t.Errorf("held by %d", pid)
	}
}

// What the look at the end of a wait costs.
func BenchmarkWhose(b *testing.B) {
	at := netip.MustParseAddrPort(listen(b, "tcp", "127.0.0.1:0").Addr().String())
	for b.Loop() {
		if sockets, err := TCP(at, nil); !ours(b, sockets, err) {
			b.Fatal("not ours")
		}
	}
}
