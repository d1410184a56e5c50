package resolve

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// serveFUSE answers as the program of a FUSE mount would that shows one file or empty directory of root's, see linux/fuse.h.
func serveFUSE(fd int, mode uint32) {
	const lookup, getattr, open, statfs, initialize = 1, 3, 14, 17, 26
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR || err == unix.ENOENT {
			continue
		}
		if err != nil || n < 40 {
			return // unmounted
		}
		var body []byte
		errno := int32(0)
		le := binary.LittleEndian
		switch le.Uint32(buf[4:]) {
		case initialize:
			body = make([]byte, 64)
			le.PutUint32(body, 7)
			le.PutUint32(body[4:], 31)
			le.PutUint32(body[20:], 4096)
		case getattr:
			body = make([]byte, 16+88)
			le.PutUint64(body[16:], 1)
			le.PutUint32(body[16+60:], mode)
			le.PutUint32(body[16+64:], 2)
		case open:
			body = make([]byte, 16)
		case statfs:
			body = make([]byte, 80)
		case lookup:
			errno = -int32(unix.ENOENT)
		default:
			errno = -int32(unix.ENOSYS)
		}
		out := le.AppendUint32(nil, uint32(16+len(body)))
		out = le.AppendUint32(out, uint32(errno))
		out = append(out, buf[8:16]...)
		_, _ = unix.Write(fd, append(out, body...))
	}
}

// What a FUSE mount shows is the word of the user whose program answers for it, whatever owners it makes up.
func TestFUSE(t *testing.T) {
	d := privileged(t)
	for owner, want := range map[int]string{
		0:       "may",
		web1:    "may",
		mallory: "D/m2002: is in a FUSE file system of mallory; use a directory of another file system",
	} {
		at := dir(t, fmt.Sprintf("%s/m%d", d, owner), 0, 0, 0o755)
		fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Skip("/dev/fuse:", err)
		}
		mount(t, "fuse", at, "fuse", fmt.Sprintf("fd=%d,rootmode=40755,user_id=%d,group_id=0,allow_other", fd, owner), 0)
		go serveFUSE(fd, unix.S_IFDIR|0o755) // not before, when it would read an error
		if got := strings.ReplaceAll(verdict(at+"/f"), d, "D"); got != want {
			t.Errorf("%s\nnot\n%s", got, want)
		}
		if p, err := Walk(at+"/f", Policy{}); err != nil {
			t.Error(err)
		} else { // it makes up numbers, by which a process may be bound to its directories
			for _, party := range p.Word() {
				if party.Last {
					t.Errorf("no more than the directory: %v", party)
				}
			}
			p.Close()
		}
		if got := strings.ReplaceAll(verdict(at+"/../f"), d, "D"); got != want { // it was on the way
			t.Errorf("%s\nnot\n%s", got, want)
		}
		try(t, unix.Unmount(at, unix.MNT_DETACH), unix.Close(fd), os.Remove(at))
	}
}

// A single file may be such a mount.
func TestFUSEFile(t *testing.T) {
	d := privileged(t)
	at := makeFile(t, d+"/f", 0, 0, 0o644)
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("/dev/fuse:", err)
	}
	mount(t, "fuse", at, "fuse", fmt.Sprintf("fd=%d,rootmode=100644,user_id=%d,group_id=0,allow_other", fd, mallory), 0)
	go serveFUSE(fd, unix.S_IFREG|0o644)
	if got := strings.ReplaceAll(verdict(at), d, "D"); !strings.HasPrefix(got, "D/f: is in a FUSE file system of mallory; ") {
		t.Error(got)
	}
	try(t, unix.Unmount(at, unix.MNT_DETACH), unix.Close(fd))
}
