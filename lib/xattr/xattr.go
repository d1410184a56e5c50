//go:build linux

// Package xattr reads extended attributes of files (xattr(7)).
package xattr

import "golang.org/x/sys/unix"

// Read reads an attribute of an open file. One of more than most bytes is an error, unix.ERANGE.
func Read(fd int, name string, most int) (string, error) { return read(fd, "", name, most) }

// ReadAt is Read of the file at a path, links followed.
func ReadAt(path, name string, most int) (string, error) { return read(-1, path, name, most) }

// read tries with little room first: nearly all attributes are short, and a stack with room for the others would have to
// grow for it.
func read(fd int, path, name string, most int) (string, error) {
	var short [256]byte
	n, err := get(fd, path, name, short[:])
	if err != unix.ERANGE {
		return string(short[:max(n, 0)]), err
	}
	for _, room := range [...]int{8 * len(short), most} {
		long := make([]byte, min(room, most))
		if n, err = get(fd, path, name, long); err != unix.ERANGE {
			return string(long[:max(n, 0)]), err
		}
	}
	return "", err
}

func get(fd int, path, name string, buf []byte) (int, error) {
	if path != "" {
		return unix.Getxattr(path, name, buf)
	}
	return unix.Fgetxattr(fd, name, buf)
}
