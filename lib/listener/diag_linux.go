package listener

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// dump sends a request to sock_diag(7) and hands over each message of the answer.
func dump(request []byte, each func([]byte)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}) // it has never been slow
	const byFamily = 20                                                                      // SOCK_DIAG_BY_FAMILY
	message := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(request))
	binary.NativeEndian.PutUint32(message, uint32(unix.NLMSG_HDRLEN+len(request)))
	binary.NativeEndian.PutUint16(message[4:], byFamily)
	binary.NativeEndian.PutUint16(message[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	if err := unix.Sendto(fd, append(message, request...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	buffer := make([]byte, 32<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("sock_diag: %w", err)
		}
		for rest := buffer[:n]; len(rest) >= unix.NLMSG_HDRLEN; {
			length := int(binary.NativeEndian.Uint32(rest))
			if length < unix.NLMSG_HDRLEN || length > len(rest) {
				return fmt.Errorf("sock_diag: %w", unix.EBADMSG)
			}
			body := rest[unix.NLMSG_HDRLEN:length]
			switch binary.NativeEndian.Uint16(rest[4:]) {
			case unix.NLMSG_DONE:
				return nil
			case unix.NLMSG_ERROR:
				if len(body) >= 4 {
					err = unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
				}
				return fmt.Errorf("sock_diag: %w", err)
			case byFamily:
				each(body)
			}
			rest = rest[min(aligned(length), len(rest)):]
		}
	}
}

// attributes hands over what stands behind a message: netlink(7).
func attributes(b []byte, each func(kind uint16, value []byte)) {
	const head = 4
	for len(b) >= head {
		length := int(binary.NativeEndian.Uint16(b))
		if length < head || length > len(b) {
			return
		}
		each(binary.NativeEndian.Uint16(b[2:]), b[head:length])
		b = b[min(aligned(length), len(b)):]
	}
}

func aligned(n int) int { return (n + 3) &^ 3 }
