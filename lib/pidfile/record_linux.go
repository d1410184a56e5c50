package pidfile

import "golang.org/x/sys/unix"

// attributes are where a record may stand, in the order of preference. tmpfs takes user.* from Linux 6.6 on; before
// that, and on other file systems without it, trusted.* is left, for which CAP_SYS_ADMIN is needed (xattr(7)).
func attributes() [2]string { return [...]string{"user.pidbox.claim", "trusted.pidbox.claim"} }

// recordLimit is more than any record needs; ext4 keeps one block of attributes.
const recordLimit = 4096

// readRecord reads the record of an open file: the first that is there.
func readRecord(fd int) string {
	buf := make([]byte, recordLimit)
	for _, name := range attributes() {
		if n, err := unix.Fgetxattr(fd, name, buf); err == nil {
			return string(buf[:n])
		}
	}
	return ""
}

// setRecord writes the record of an open file, and takes off any other. Where no attribute can be had there is none,
// which is no error; a full disk is.
func setRecord(fd int, text string) (recorded bool, err error) {
	for _, name := range attributes() {
		if !recorded && text != "" {
			err := unix.Fsetxattr(fd, name, []byte(text), 0)
			if recorded = err == nil; recorded {
				continue
			}
			if full(err) {
				return false, err
			}
		}
		unix.Fremovexattr(fd, name) // fails where there is none
	}
	return recorded, nil
}
