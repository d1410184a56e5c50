package sockets

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Address{
		":80":                 {"tcp", ":80", "unknown"},
		"tcp:localhost:http":  {"tcp", "localhost:http", "unknown"},
		"tcp://127.0.0.1:8":   {"tcp", "127.0.0.1:8", "unknown"},
		"web=[::1]:80":        {"tcp", "[::1]:80", "web"},
		"/run/x.sock":         {"unix", "/run/x.sock", "unknown"},
		"unix:/run/a=b.sock":  {"unix", "/run/a=b.sock", "unknown"},
		"x=unix:/run/a b":     {"unix", "/run/a b", "x"},
		"[fe80::1%25lo]:8080": {"tcp", "[fe80::1%25lo]:8080", "unknown"},
		"127.1:80":            {"tcp", "127.0.0.1:80", "unknown"},
		"web=0x7f000001:80":   {"tcp", "127.0.0.1:80", "web"},
		"0:http":              {"tcp", "0.0.0.0:http", "unknown"},
		"*:80":                {"tcp", ":80", "unknown"},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "80", "localhost", "=:80", "a b=:80", "unix:", "unix:@x", "/run/", ":", ":99999", "::1:80", strings.Repeat("n", 256) + "=:80"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// A socket is taken back by its mark, and no other is: not one at the same number of a descriptor, nor one that does not
// listen.
func TestTakesBackItsOwn(t *testing.T) {
	var all Set
	defer func() { all.Close(true) }()
	path := filepath.Join(t.TempDir(), "a b.sock")
	for _, text := range []string{"127.0.0.1:0", "unix:" + path} {
		a, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Listen(a, resolve.Policy{Insecure: true})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	had, err := ParseRecord(all.String())
	if err != nil || len(had) != 2 {
		t.Fatal(had, err)
	}
	pids := []int{os.Getppid(), os.Getpid()}
	for _, s := range all {
		back, err := TakeBack(s.Address, had, pids, resolve.Policy{})
		if err != nil || back == nil || back.mark != s.mark {
			t.Fatal(s.Address, back, err)
		}
		back.file.Close()
		if err := unix.SetNonblock(int(s.file.Fd()), true); err != nil { // a command's event loop relies on it
			t.Fatal(err)
		}
		if back, err = TakeBack(s.Address, had, pids, resolve.Policy{}); err != nil || back == nil {
			t.Fatal(s.Address, err)
		}
		if flags, err := unix.FcntlInt(back.file.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("%s: flags %#o, %v", s.Address, flags, err)
		}
		back.file.Close()
		forged := Record{s.Address.String(): {s.mark.inode, s.mark.cookie + 1}}
		if back, err := TakeBack(s.Address, forged, pids[1:], resolve.Policy{}); back != nil || err != nil {
			t.Error("another's cookie:", back, err)
		}
		if back, err := TakeBack(s.Address, Record{}, pids, resolve.Policy{}); back != nil || err != nil {
			t.Error("none on record:", back, err)
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	f := os.NewFile(uintptr(pair[0]), "pair")
	defer f.Close()
	m, err := markOf(f)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := TakeBack(all[0].Address, Record{all[0].Address.String(): m}, pids[1:], resolve.Policy{}); back != nil || err != nil {
		t.Error("it does not listen:", back, err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	all.Close(true)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Error("its file is left:", err)
	}
	all = nil
}

// A file that another has put in the place of ours is his: the socket is of no use, and the file stays.
func TestTakesBackNoFileOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	a := Address{Network: "unix", Text: path}
	ours, err := Listen(a, resolve.Policy{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	all := Set{ours}
	defer all.Close(false)
	had, err := ParseRecord(all.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	another, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer another.Close()
	if back, err := TakeBack(a, had, []int{os.Getpid()}, resolve.Policy{Insecure: true}); back != nil || !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(back, err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestBadRecords(t *testing.T) {
	for _, text := range []string{"x", "x=1", "x=a:b", "%zz=1:2"} {
		if r, err := ParseRecord(text); err == nil {
			t.Errorf("%q: %v", text, r)
		}
	}
	if r, err := ParseRecord(""); err != nil || len(r) != 0 {
		t.Error(r, err)
	}
}
