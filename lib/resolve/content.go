package resolve

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ReadFile reads a file that says how a process of the user is to run, for example its environment. Links are
// followed by the rule of Walk, magic ones too (/dev/fd/3, which shells make of <(COMMAND)). All who determined what
// it says must be able to signal such a process, or be trusted by the policy. A file of more than limit bytes is an
// error.
func ReadFile(path string, limit int64, user int, policy Policy) ([]byte, error) {
	return readFile(path, limit, policy, func(p *Place, st *unix.Stat_t, word Word) error {
		const check = "check its content; only root and the user of its process should be able to change it"
		for i := range word {
			if word[i].Path == p.File() {
				word[i].Remedy = check
			}
		}
		return word.May(Signal, Process{user, user}, policy.Trust...)
	})
}

// ReadSecret reads a regular file that none but its owner can read, this user or root, and that no other could have
// put there.
func ReadSecret(path string, limit int64) ([]byte, error) {
	return readFile(path, limit, Policy{Follow: true, Magic: true}, func(p *Place, st *unix.Stat_t, word Word) error {
		switch owner := int(st.Uid); {
		case st.Mode&unix.S_IFMT != unix.S_IFREG:
			return &Unsafe{Path: path, Reason: "is not a regular file", Hint: "check the path"}
		case st.Mode&0o077 != 0:
			return &Unsafe{Path: path, Reason: fmt.Sprintf("can be read by others (%s)", p.users.describe(st)),
				Hint: "write a new secret, and " + Quote("chmod 600", path)}
		case owner != 0 && !isCaller(owner):
			return &Unsafe{Path: path, Reason: fmt.Sprintf("is owned by %s, who can read it", p.users.name(owner)),
				Hint: "write a new secret into a file of your own"}
		}
		return word.May(Create, mine{})
	})
}

func readFile(path string, limit int64, policy Policy, judge func(*Place, *unix.Stat_t, Word) error) ([]byte, error) {
	policy.Follow, policy.Magic = true, true
	p, err := Walk(path, policy)
	if err != nil {
		return nil, opening(path, err)
	}
	defer p.Close()
	fd, err := p.OpenFd(unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	f, err := p.asFile(fd)
	if err != nil {
		return nil, err
	}
	defer func() { f.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if err := judge(p, &st, append(p.Word(), p.contentWord(&st, fd)...)); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFIFO { // opened without waiting for a writer: again, so that there is one
		waits, err := os.Open("/dev/fd/" + strconv.Itoa(fd))
		if err != nil {
			return nil, err
		}
		f.Close()
		f = waits
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: unix.EFBIG}
	}
	return text, err
}
