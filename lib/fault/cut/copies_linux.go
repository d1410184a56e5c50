package cut

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// repeatMark tells the copies of packets from the packets, in the mark of a socket.
const repeatMark = 0x70626470

// copies sends packets that have been received to this machine once more, as they came: by way of the loopback device, with
// the sender's address. Their headers are included; the kernel checks nothing of them that it has not checked before.
type copies struct{ v4, v6 int }

func (t *Table) openCopies() (*copies, error) {
	c := &copies{-1, -1}
	err := t.inside(func() (err error) {
		if c.v4, err = rawSocket(unix.AF_INET); err != nil {
			return err
		}
		if c.v6, err = rawSocket(unix.AF_INET6); err != nil {
			c.v6 = -1 // there may be no IPv6 here
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	return c, nil
}

func rawSocket(domain int) (int, error) {
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return -1, err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, repeatMark); err == nil && domain == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_HDRINCL, 1)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// inside does something in the network namespace of the table, on a thread that ends if it cannot come back.
func (t *Table) inside(do func() error) error {
	if t.netns == nil {
		return do()
	}
	ended := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(home)
			if err = unix.Setns(int(t.netns.Fd()), unix.CLONE_NEWNET); err == nil {
				err = do()
				if unix.Setns(home, unix.CLONE_NEWNET) == nil {
					runtime.UnlockOSThread()
				}
			}
		}
		ended <- err
	}()
	return <-ended
}

// send sends a packet again. One that is lost is one that came once.
func (c *copies) send(packet []byte) {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		to := unix.SockaddrInet4{Addr: [4]byte(packet[16:20])}
		_ = unix.Sendto(c.v4, packet, 0, &to)
	case len(packet) >= 40 && packet[0]>>4 == 6 && c.v6 >= 0:
		to := unix.SockaddrInet6{Addr: [16]byte(packet[24:40])}
		_ = unix.Sendto(c.v6, packet, 0, &to)
	}
}

func (c *copies) close() {
	if c == nil {
		return
	}
	unix.Close(c.v4)
	if c.v6 >= 0 {
		unix.Close(c.v6)
	}
}
