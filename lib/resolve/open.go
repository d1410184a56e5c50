package resolve

import (
	"errors"
	"os"
)

// OpenFd opens the file of the place: with O_NOFOLLOW, O_CLOEXEC, O_NONBLOCK and O_NOCTTY, and again if a signal
// interrupts it. With O_CREAT but not O_EXCL it opens what is there first and creates only what is missing, since
// fs.protected_regular (proc_sys_fs(5)) refuses even root an O_CREAT open of a user's file in a sticky directory. A
// symbolic link is an *Unsafe. It asks the gate nothing.
func (p *Place) OpenFd(flags int, perm uint32) (int, error) { return -1, errors.ErrUnsupported }

// Open is OpenFd, in blocking mode.
func (p *Place) Open(flags int, perm uint32) (*os.File, error) { return nil, errors.ErrUnsupported }

// OpenAppend opens a log, which it creates with mode 0644 less the umask, for appending: then two names for it, or a
// rotation that truncates, do no harm. Links are followed by the rule of Walk, magic ones too (/dev/stdout). The word of
// all who determined the place and the file must allow it.
func OpenAppend(path string, truncate bool, also ...int) (*os.File, error) {
	return nil, errors.ErrUnsupported
}

// ReadSecret reads at most limit bytes of a file that nobody but its owner can read, this user or root.
func ReadSecret(path string, limit int64) ([]byte, error) { return nil, errors.ErrUnsupported }

// Quote is a shell's command line in which path is one word and no option.
func Quote(command, path string) string { return "" }

// UserName is the name of a user for messages, or "user N".
func UserName(uid int) string { return "" }
