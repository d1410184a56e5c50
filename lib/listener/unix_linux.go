package listener

import (
	"encoding/binary"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// UNIX gives the socket that listens at a path, or at the abstract @name: by the file, which may have been renamed since
// it was bound, or by the name. It fails with ErrUnseen for one of another network namespace, which can be connected to as
// well.
func UNIX(path string) ([]Socket, error) {
	const showName, showFile, showUID = 1, 2, 0x40 // unix_diag.h
	const listen = 1 << 10
	var file unix.Stat_t
	name := path
	if abstract, is := strings.CutPrefix(path, "@"); is {
		name = "\x00" + abstract
	} else if err := unix.Stat(path, &file); err != nil {
		return nil, err
	} else if name, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	request := make([]byte, 24)
	request[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(request[4:], listen)
	binary.NativeEndian.PutUint32(request[12:], showName|showFile|showUID)
	var byFile, byName []Socket
	err := dump(request, func(m []byte) {
		const length, attrName, attrFile, attrUID = 16, 0, 1, 7
		if len(m) < length {
			return
		}
		s := Socket{Inode: uint64(binary.NativeEndian.Uint32(m[4:])), UID: -1}
		isFile, isName := false, false
		attributes(m[length:], func(kind uint16, value []byte) {
			switch {
			case kind == attrName:
				isName = strings.TrimRight(string(value), "\x00") == name || name[0] == 0 && string(value) == name
			case kind == attrFile && len(value) >= 8 && file.Ino != 0:
				device := unix.Major(uint64(file.Dev))<<20 | unix.Minor(uint64(file.Dev)) // as the kernel has it within
				isFile = binary.NativeEndian.Uint32(value) == uint32(file.Ino) && binary.NativeEndian.Uint32(value[4:]) == device
			case kind == attrUID && len(value) >= 4:
				s.UID = int(int32(binary.NativeEndian.Uint32(value)))
			}
		})
		if isFile {
			byFile = append(byFile, s)
		}
		if isName {
			byName = append(byName, s)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(byFile) > 0:
		return byFile, nil
	case len(byName) == 1: // of a file that overlayfs shows with other numbers
		return byName, nil
	}
	return nil, ErrUnseen
}

// Acceptor is the PID of the process that began to listen at a path, also in another network namespace: SO_PEERCRED of a
// connection, which is made for that. 0 is a process of which our PID namespace has none.
func Acceptor(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return 0, err
	}
	who, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(who.Pid), nil
}
