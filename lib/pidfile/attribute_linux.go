package pidfile

import (
	"golang.org/x/sys/unix"

	"pidbox/lib/xattr"
)

// Attribute is a text that is kept with a pidfile, and goes where that goes: in the extended attribute user.pidbox.NAME,
// or, where the file system has none of those, as tmpfs before Linux 6.6, in trusted.pidbox.NAME, for which CAP_SYS_ADMIN
// is needed (xattr(7)).
type Attribute string

// claimed is where a claim keeps its record.
const claimed Attribute = "claim"

// attributeLimit is more than any text needs; ext4 keeps one block of attributes.
const attributeLimit = 4096

func (a Attribute) names() [2]string {
	return [...]string{"user.pidbox." + string(a), "trusted.pidbox." + string(a)}
}

// Read reads the text of an open file: that of the first attribute that is there, "" if none is.
func (a Attribute) Read(fd int) string {
	for _, name := range a.names() {
		if text, err := xattr.Read(fd, name, attributeLimit); err == nil {
			return text
		}
	}
	return ""
}

// Write keeps the text with an open file, and takes off any other; "" takes off all. Where no attribute can be had it is
// not kept, which is no error; a full disk, or a full block of attributes, is (ENOSPC, EDQUOT).
func (a Attribute) Write(fd int, text string) (kept bool, err error) {
	for _, name := range a.names() {
		if !kept && text != "" {
			err := unix.Fsetxattr(fd, name, []byte(text), 0)
			if kept = err == nil; kept {
				continue
			}
			if full(err) {
				return false, err
			}
		}
		unix.Fremovexattr(fd, name) // fails where there is none
	}
	return kept, nil
}
