package disk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/resolve"
)

// system is the file system.
type system struct {
	rules   rules
	journal *journal
	tree    *tree
	device  int      // /dev/fuse
	exempt  []string // names in the directory that no fault meets

	handling sync.WaitGroup // orders that are not answered yet

	mu      sync.Mutex
	waiting map[uint64]context.CancelFunc // requests of the kernel, by their number
}

// spares says that a file is the agent's.
func (s *system) spares(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return slices.Contains(s.exempt, top)
}

// meet is what becomes of an operation.
func (s *system) meet(ctx context.Context, op, name string, grows bool) syscall.Errno {
	if s.spares(name) {
		return 0
	}
	return s.rules.meet(ctx, op, name, grows)
}

// before notes what a part of a file was.
func (s *system) before(f *os.File, name string, off, n int64, data []byte) error {
	if s.spares(name) {
		return nil
	}
	return s.journal.before(f, name, off, n, data)
}

// cut notes what a file was, of another size.
func (s *system) cut(f *os.File, name string, size int64) error {
	if s.spares(name) {
		return nil
	}
	return s.journal.cut(f, name, size)
}

// Serve puts the file system over the directory, says "ready" on out, and obeys until it is told to end. Faults end with
// their hold.
func Serve(c Config, out io.Writer) error {
	dir, err := os.OpenFile(c.Dir, unix.O_PATH|unix.O_DIRECTORY, 0) // what will be underneath
	if err != nil {
		return err
	}
	defer dir.Close()
	place, err := resolve.Walk(c.Socket, resolve.Policy{})
	if err != nil {
		return err
	}
	if err := place.Discard(); err != nil {
		place.Close()
		return err
	}
	l, err := place.Listen(0o600)
	if err != nil {
		place.Close()
		return err
	}
	closing := sync.OnceFunc(func() { l.Close() })
	defer closing()
	under := fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
	rubbish, err := newTrash(under)
	if err != nil {
		return err
	}
	s := &system{rules: rules{all: map[string]*rule{}}, journal: newJournal(rubbish), exempt: c.Exempt, tree: newTree(under),
		waiting: map[uint64]context.CancelFunc{}}
	unix.Umask(0) // the kernel has taken off the program's
	if err := s.mount(c.Dir); err != nil {
		return err
	}
	defer unix.Close(s.device)
	ended := make(chan struct{})
	go func() { s.run(); close(ended) }()
	fmt.Fprintln(out, "ready")
	go s.listen(l, func() error {
		defer closing() // before the answer: the next agent is not to take us for a file system that serves it
		return unmount(c.Dir)
	})
	<-ended // unmounted, by us or by an administrator
	s.handling.Wait()
	s.journal.syncAll()
	return nil
}

func (s *system) mount(at string) (err error) {
	s.device, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%w: open /dev/fuse: %w", ErrUnsupported, err)
	}
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,default_permissions,allow_other", s.device, os.Geteuid(), os.Getegid())
	if err := unix.Mount("pidbox-disk", at, "fuse.pidbox", unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		unix.Close(s.device)
		if errors.Is(err, unix.EPERM) {
			return fmt.Errorf("%w: it needs CAP_SYS_ADMIN", ErrUnsupported)
		}
		return fmt.Errorf("%w: mount: %w", ErrUnsupported, err)
	}
	return nil
}

func unmount(dir string) error {
	if err := unix.Unmount(dir, 0); err != unix.EBUSY {
		return err
	}
	return unix.Unmount(dir, unix.MNT_DETACH) // somebody is in it still
}

// listen takes one order after the other.
func (s *system) listen(l net.Listener, end func() error) {
	var one sync.Mutex
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.handling.Go(func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			var r Request
			if json.NewDecoder(c).Decode(&r) != nil {
				return
			}
			one.Lock()
			defer one.Unlock()
			a, err := s.obey(r)
			if r.Op == "end" {
				err = end()
			}
			if err != nil {
				a.Error = err.Error()
			}
			_ = json.NewEncoder(c).Encode(a)
		})
	}
}

func (s *system) obey(r Request) (a Answer, err error) {
	switch r.Op {
	case "put":
		if err := Check(r.Spec); err != nil {
			return a, err
		}
		s.rules.put(r.ID, r.Spec)
	case "remove":
		s.rules.remove(r.ID)
	case "sync":
		s.journal.syncAll()
	case "power":
		var chance *rand.Rand
		if r.Tear {
			chance = rand.New(rand.NewPCG(r.Seed, r.Seed))
		}
		a.Lost, err = s.journal.fail(chance)
	case "hello", "end":
	default:
		err = errors.New("no such order")
	}
	a.Hits = s.rules.hits()
	return a, err
}
