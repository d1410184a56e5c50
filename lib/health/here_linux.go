package health

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// connectHere connects to the first address that lets it in. On a way that does not leave the machine the answer is there
// before connect(2) returns, and four system calls do it, of which the scheduler of Go hears nothing; by package net each
// refusal wakes several threads. It is errors.ErrUnsupported where there is no answer, as from a queue that is full.
func connectHere(addresses []netip.AddrPort) (net.Conn, error) {
	var first error
	for _, to := range addresses {
		conn, err := connectAtOnce(to)
		if err == nil || errors.Is(err, errors.ErrUnsupported) {
			return conn, err
		}
		if first == nil || cannotAsk(first) && !cannotAsk(err) {
			first = err
		}
	}
	return nil, first
}

func connectAtOnce(to netip.AddrPort) (net.Conn, error) {
	name, size, family := sockaddr(to)
	fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return nil, failedDial(to, "socket", errno)
	}
	connect := func() { _, _, errno = syscall.RawSyscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&name)), size) }
	if connect(); errno == unix.EINPROGRESS {
		connect() // how did it come out?
	}
	switch errno {
	case 0, unix.EISCONN:
	case unix.EINPROGRESS, unix.EALREADY:
		syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		return nil, errors.ErrUnsupported
	default:
		syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		return nil, failedDial(to, "connect", errno)
	}
	return taken(os.NewFile(fd, ""), to)
}

// taken has a connected socket as one of package net's, which knows no other end of one that was reset meanwhile.
func taken(f *os.File, to netip.AddrPort) (net.Conn, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err == nil && conn.RemoteAddr() == nil {
		conn.Close()
		return nil, failedDial(to, "connect", syscall.ECONNRESET)
	}
	if err == nil && conn.LocalAddr().String() == conn.RemoteAddr().String() { // it was given the port that it asks for
		_ = conn.(*net.TCPConn).SetLinger(0) // or that would be taken for a minute
		conn.Close()
		return nil, failedDial(to, "connect", syscall.ECONNREFUSED)
	}
	return conn, err
}

// fileState is of a file that has not changed for a second; the zero value is of one that has, or cannot be looked at. Two
// that are equal are of one that is as it was.
type fileState struct {
	device, inode, size uint64
	modified, changed   unix.StatxTimestamp
}

func stateOf(path string) fileState {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return fileState{}
	}
	var st unix.Statx_t
	at := unix.AT_FDCWD
	_, _, errno := syscall.RawSyscall6(unix.SYS_STATX, uintptr(at), uintptr(unsafe.Pointer(name)), 0, unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&st)), 0)
	if errno != 0 || time.Since(time.Unix(st.Ctime.Sec, int64(st.Ctime.Nsec))) < time.Second {
		return fileState{}
	}
	return fileState{uint64(st.Dev_major)<<32 | uint64(st.Dev_minor), st.Ino, st.Size, st.Mtime, st.Ctime}
}

func failedDial(to netip.AddrPort, call string, errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: os.NewSyscallError(call, errno)}
}

// sockaddr is an address as the kernel takes it: ip(7), ipv6(7).
func sockaddr(to netip.AddrPort) (name [unix.SizeofSockaddrInet6]byte, size, family uintptr) {
	binary.BigEndian.PutUint16(name[2:], to.Port())
	if ip := to.Addr().Unmap(); ip.Is4() {
		binary.NativeEndian.PutUint16(name[:], unix.AF_INET)
		four := ip.As4()
		copy(name[4:], four[:])
		return name, unix.SizeofSockaddrInet4, unix.AF_INET
	}
	binary.NativeEndian.PutUint16(name[:], unix.AF_INET6)
	six := to.Addr().As16()
	copy(name[8:], six[:])
	return name, unix.SizeofSockaddrInet6, unix.AF_INET6
}
