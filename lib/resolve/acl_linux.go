package resolve

import (
	"encoding/binary"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// readACL reads the POSIX access ACL of the file that is open as fd, or else is called name in the directory dir. It
// is empty where there are none. The format is that of linux/posix_acl_xattr.h: a version, then tag, permissions and
// id of each entry.
func readACL(dir int, name string, fd int) ([]aclEntry, error) {
	path, get := "/proc/self/fd/"+strconv.Itoa(dir)+"/"+name, unix.Lgetxattr
	if fd >= 0 {
		path, get = "/proc/self/fd/"+strconv.Itoa(fd), unix.Getxattr
	}
	const attribute = "system.posix_acl_access"
	buf := make([]byte, 1<<16) // XATTR_SIZE_MAX
	n, err := retry(func() (int, error) { return get(path, attribute, buf) })
	if err == unix.ENOENT { // no /proc
		if fd < 0 {
			const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
			fd, err = unix.Openat(dir, name, flags, 0)
			if err != nil {
				return nil, err
			}
			defer unix.Close(fd)
		}
		n, err = retry(func() (int, error) { return unix.Fgetxattr(fd, attribute, buf) })
	}
	switch {
	case err == unix.ENODATA || err == unix.EOPNOTSUPP:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return parseACL(buf[:n])
}

func parseACL(b []byte) ([]aclEntry, error) {
	const version, header, size = 2, 4, 8
	if len(b) < header || binary.LittleEndian.Uint32(b) != version || (len(b)-header)%size != 0 {
		return nil, errors.New("an ACL of an unknown form")
	}
	var acl []aclEntry
	for b = b[header:]; len(b) > 0; b = b[size:] {
		acl = append(acl, aclEntry{
			tag: binary.LittleEndian.Uint16(b), perm: uint32(binary.LittleEndian.Uint16(b[2:])),
			id: int(int32(binary.LittleEndian.Uint32(b[4:]))),
		})
	}
	return acl, nil
}
