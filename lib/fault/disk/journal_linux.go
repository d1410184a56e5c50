package disk

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"pidbox/lib/fault"
)

const (
	page      = 4096
	keptLimit = 64 << 20 // bytes of old content for one file
	tornLimit = 1 << 20  // of a write of which a part may stay
	sector    = 512
)

// key is a file, by whatever name.
type key struct{ dev, ino uint64 }

// journal is what was not synced, and how to take it back.
type journal struct {
	mu    sync.Mutex
	files map[key]*dirty
	names []func() error // takes back a change of names; the last one first
	trash *trash
}

// dirty is a file with changes that were not synced.
type dirty struct {
	file  *os.File         // its own descriptor on the file underneath
	name  string           // when it was first changed
	size  int64            // when it was synced last
	pages map[int64][]byte // what they were then, as far as the size went
	kept  int64
	first []byte // the first write since, if it is not too long
	at    int64  // its place
}

func newJournal(t *trash) *journal { return &journal{files: map[key]*dirty{}, trash: t} }

// before notes what n bytes at off of a file were; data is what will be written there, nil for a change of another kind.
func (j *journal) before(f *os.File, name string, off, n int64, data []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	d, err := j.dirty(f, name)
	if err != nil {
		return err
	}
	if d.first == nil && data != nil && len(data) <= tornLimit {
		d.first, d.at = slices.Clone(data), off
	}
	return j.keep(d, f, off, off+n)
}

// cut notes what a file was before it gets another size.
func (j *journal) cut(f *os.File, name string, size int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	d, err := j.dirty(f, name)
	if err != nil {
		return err
	}
	return j.keep(d, f, size, d.size)
}

func (j *journal) dirty(f *os.File, name string) (*dirty, error) {
	st, k, err := identify(f)
	if err != nil {
		return nil, err
	}
	if d := j.files[k]; d != nil {
		return d, nil
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	d := &dirty{file: os.NewFile(uintptr(fd), name), name: name, size: st.Size, pages: map[int64][]byte{}}
	j.files[k] = d
	return d, nil
}

func identify(f *os.File) (st unix.Stat_t, k key, err error) {
	err = unix.Fstat(int(f.Fd()), &st)
	return st, key{uint64(st.Dev), st.Ino}, err
}

// keep keeps the old content from one place to another, as far as the size went.
func (j *journal) keep(d *dirty, f *os.File, from, to int64) error {
	to = min(to, d.size)
	for n := from / page; n*page < to; n++ {
		if _, have := d.pages[n]; have {
			continue
		}
		old := make([]byte, min(page, d.size-n*page))
		got, err := unix.Pread(int(f.Fd()), old, n*page)
		if err != nil {
			return err
		}
		d.pages[n] = old[:got]
		if d.kept += int64(got); d.kept > keptLimit {
			return j.synced(f)
		}
	}
	return nil
}

// sync says that a file was synced, and with it all names.
func (j *journal) sync(f *os.File) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.synced(f)
	j.named()
	return err
}

func (j *journal) synced(f *os.File) error {
	_, k, err := identify(f)
	if err != nil {
		return err
	}
	if d := j.files[k]; d != nil {
		d.file.Close()
		delete(j.files, k)
	}
	return nil
}

// name notes how to take back a change of names.
func (j *journal) name(undo func() error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.names = append(j.names, undo)
}

// syncNames says that all names were synced.
func (j *journal) syncNames() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.named()
}

func (j *journal) named() {
	j.names = nil
	j.trash.empty()
}

// syncAll says that everything was synced.
func (j *journal) syncAll() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for k, d := range j.files {
		d.file.Close()
		delete(j.files, k)
	}
	j.named()
}

// fail takes back what was not synced. With a source of chance it leaves of the first write to each file a part, in whole
// sectors if it is longer than one.
func (j *journal) fail(chance *rand.Rand) (lost fault.Lost, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range j.ordered() {
		d := j.files[k]
		n, failed := d.restore()
		err = errors.Join(err, failed)
		lost.Files++
		lost.Bytes += n
		if chance != nil && len(d.first) > 0 && failed == nil {
			left := torn(len(d.first), chance)
			if left > 0 {
				_, failed := d.file.WriteAt(d.first[:left], d.at)
				err = errors.Join(err, failed)
				lost.Torn = append(lost.Torn, d.name)
			}
		}
		err = errors.Join(err, d.file.Sync(), d.file.Close())
		delete(j.files, k)
	}
	for _, undo := range slices.Backward(j.names) {
		if failed := undo(); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
		lost.Names++
	}
	j.named()
	slices.Sort(lost.Torn)
	return lost, err
}

// ordered are the files, always in the same order.
func (j *journal) ordered() (keys []key) {
	for k := range j.files {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a := j.files[a].name; a != j.files[b].name {
			if a < j.files[b].name {
				return -1
			}
			return 1
		}
		return int(int64(a.ino) - int64(b.ino))
	})
	return keys
}

// restore makes the file what it was when it was synced last, and says how many bytes changed by that.
func (d *dirty) restore() (lost uint64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.file.Fd()), &st); err != nil {
		return 0, err
	}
	if st.Size > d.size {
		lost = uint64(st.Size - d.size)
	}
	if err := unix.Ftruncate(int(d.file.Fd()), d.size); err != nil {
		return lost, err
	}
	for n, old := range d.pages {
		if _, err := d.file.WriteAt(old, n*page); err != nil {
			return lost, err
		}
		lost += uint64(len(old))
	}
	return lost, nil
}

// torn is how much stays of a write of n bytes, less than all of it.
func torn(n int, chance *rand.Rand) int {
	if n <= sector {
		return chance.IntN(n)
	}
	return chance.IntN((n+sector-1)/sector) * sector
}
