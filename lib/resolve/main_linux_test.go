package resolve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// stage tells apart the test binary that go test starts, the one that runs the tests, in a mount namespace of its own if
// it is root, and the helper of one test.
const stage = "PIDBOX_RESOLVE_STAGE"

func TestMain(m *testing.M) {
	switch os.Getenv(stage) {
	case "":
		if os.Geteuid() == 0 {
			cmd := again("mounts", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}, os.Args[1:]...)
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err == nil || errors.As(err, &exit) {
				os.Exit(cmd.ProcessState.ExitCode())
			}
			fmt.Fprintln(os.Stderr, "no mount namespace to be had:", err)
		}
	case "mounts":
		if err := ownMounts(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "judge":
		fmt.Println(verdict(os.Args[1]))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func again(next string, attr *syscall.SysProcAttr, args ...string) *exec.Cmd {
	return &exec.Cmd{Path: "/proc/self/exe", Args: append(os.Args[:1:1], args...), SysProcAttr: attr, Env: append(os.Environ(), stage+"="+next)}
}

// The users of the tests. No other is known.
const (
	web1    = 2001
	mallory = 2002
)

const passwd = `root:x:0:0::/root:/bin/sh
web1:x:2001:2001::/home/web1:/bin/sh
mallory:x:2002:2002::/home/mallory:/bin/sh
toor:x:0:2003::/root:/bin/sh
`

const group = `root:x:0:mallory
web1:x:2001:
mallory:x:2002:
empty:x:2003:root
web:x:2004:web1,mallory,gone
nogroup:x:65534:
`

func ownMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	d, err := os.MkdirTemp("", "resolve")
	if err != nil {
		return err
	}
	defer os.Remove(d)
	if err := unix.Mount("tmpfs", d, "tmpfs", 0, ""); err != nil {
		return err
	}
	defer unix.Unmount(d, unix.MNT_DETACH) // the files stay where they are mounted
	for name, text := range map[string]string{"passwd": passwd, "group": group, "nsswitch.conf": "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd # sss\n"} {
		if err := replace("/etc/"+name, d+"/"+name, text); err != nil {
			return err
		}
	}
	return nil
}

// replace mounts a file with that text over another.
func replace(over, by, text string) error {
	if err := os.WriteFile(by, []byte(text), 0o644); err != nil {
		return err
	}
	if _, err := os.Stat(over); err != nil {
		return nil
	}
	return unix.Mount(by, over, "", unix.MS_BIND, "")
}

// privileged gives a directory that everybody can enter, /tmp itself being a sticky one of root's.
func privileged(t *testing.T) string {
	t.Helper()
	if os.Getenv(stage) != "mounts" {
		t.Skip("needs root and a mount namespace")
	}
	d, err := os.MkdirTemp("", "resolve")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	try(t, os.Chmod(d, 0o755))
	return d
}

// dir makes a directory.
func dir(t *testing.T, path string, uid, gid int, mode uint32) string {
	t.Helper()
	try(t, os.Mkdir(path, 0o700), os.Chown(path, uid, gid), unix.Chmod(path, mode))
	return path
}

// file makes a file.
func makeFile(t *testing.T, path string, uid, gid int, mode uint32) string {
	t.Helper()
	try(t, os.WriteFile(path, []byte("1\n"), 0o600), os.Chown(path, uid, gid), unix.Chmod(path, mode))
	return path
}

type ace struct {
	tag, perm uint16
	id        uint32
}

// setACL gives a file rwx for its owner, r-x for its group and others, the entries given, and the mask.
func setACL(t *testing.T, path string, mask uint16, entries ...ace) {
	t.Helper()
	const none = 0xffffffff
	all := []ace{{1, 7, none}}
	for _, tag := range []uint16{aclUser, aclOwnerGroup, aclGroup} {
		if tag == aclOwnerGroup {
			all = append(all, ace{tag, 5, none})
		}
		for _, e := range entries {
			if e.tag == tag {
				all = append(all, e)
			}
		}
	}
	all = append(all, ace{aclMask, mask, none}, ace{0x20, 5, none})
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range all {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	if err := unix.Setxattr(path, "system.posix_acl_access", b, 0); err != nil {
		t.Skip("no ACLs here: ", err)
	}
}

// verdict says whether a process of web1's may be signalled by the word of the pidfile, and by whose not.
func verdict(path string) string {
	p, err := Walk(path, Policy{Magic: true})
	if err != nil {
		return said(err)
	}
	defer p.Close()
	word := p.Word()
	if fd, err := p.OpenFd(os.O_RDONLY, 0); err == nil {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return said(err)
		}
		word = append(word, p.FileWord(&st, fd)...)
		unix.Close(fd)
	} else if st, err := p.Stat(); err == nil {
		word = append(word, p.FileWord(st, -1)...)
	}
	return said(word.May(Signal, Process{web1, web1}))
}

func said(err error) string {
	var unsafe *Unsafe
	switch {
	case err == nil:
		return "may"
	case errors.As(err, &unsafe):
		return unsafe.Error() + "; " + unsafe.Hint
	}
	return err.Error()
}

// verdictOf is verdict in another process.
func verdictOf(t *testing.T, attr *syscall.SysProcAttr, dir, path string) string {
	t.Helper()
	cmd := again("judge", attr, path)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func as(uid uint32) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
}
