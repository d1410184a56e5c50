package health

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A server may end between our connect(2) and the look at the connection that it made.
func TestResetAtOnce(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := server.Addr().(*net.TCPAddr).AddrPort()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	server.Close()
	for _, err := unix.Getpeername(fd); err == nil; _, err = unix.Getpeername(fd) {
		time.Sleep(time.Millisecond)
	}
	if conn, err := taken(os.NewFile(uintptr(fd), ""), to); conn != nil || !errors.Is(err, unix.ECONNRESET) {
		t.Error(conn, err)
	}
	if _, err := connectHere([]netip.AddrPort{to}); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
}
