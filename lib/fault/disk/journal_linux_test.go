package disk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What a power failure leaves is what the journal was told to be synced, whatever was done since: names, content and sizes.
func TestFailTakesBackWhatWasNotSynced(t *testing.T) {
	for seed := range uint64(200) {
		chance := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		rubbish, err := newTrash(dir)
		if err != nil {
			t.Fatal(err)
		}
		s := &system{rules: rules{all: map[string]*rule{}}, journal: newJournal(rubbish), tree: newTree(dir)}
		for i := range 4 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i)), make([]byte, 5000*i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for range chance.IntN(10) { // some of which is synced
			act(t, s, chance)
		}
		s.journal.syncAll()
		before := snapshot(t, dir)
		for range chance.IntN(30) {
			act(t, s, chance)
		}
		if _, err := s.journal.fail(nil); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if after := snapshot(t, dir); !maps.Equal(before, after) {
			t.Fatalf("seed %d: before %v, after %v", seed, slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
		}
	}
}

// act does something to a file as the kernel asks for it.
func act(t *testing.T, s *system, chance *rand.Rand) {
	t.Helper()
	name, other := fmt.Sprint("f", chance.IntN(6)), fmt.Sprint("f", chance.IntN(6))
	w := &with{Context: t.Context(), system: s, request: request{uid: uint32(os.Getuid()), gid: uint32(os.Getgid())}}
	w.n, w.rel, w.named = s.tree.node(top)
	var st unix.Stat_t
	exists := unix.Lstat(filepath.Join(s.tree.under, name), &st) == nil
	path := filepath.Join(s.tree.under, name)
	switch chance.IntN(6) {
	case 0:
		w.body = append(make([]byte, 16), name+"\x00"...)
		w.body[0] = syscall.O_RDWR
		if p, err := w.create(); err == nil && len(p.b) == 0 {
			t.Fatal("nothing was answered")
		}
	case 1:
		w.body = []byte(name + "\x00")
		_, _ = w.unlink()
	case 2:
		w.body = append(append(make([]byte, 8), name+"\x00"...), other+"\x00"...)
		w.body[0] = top
		_, _ = w.rename(0, 8)
	default:
		if !exists {
			return
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if chance.IntN(3) == 0 {
			size := chance.Int64N(20000)
			if err := s.cut(f, name, size); err != nil {
				t.Fatal(err)
			}
			if err := f.Truncate(size); err != nil {
				t.Fatal(err)
			}
			return
		}
		data := make([]byte, 1+chance.IntN(9000))
		for i := range data {
			data[i] = byte(chance.Uint32())
		}
		off := chance.Int64N(20000)
		if err := s.before(f, name, off, int64(len(data)), data); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(data, off); err != nil {
			t.Fatal(err)
		}
	}
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

// A torn write is a part of it, never all, in whole sectors if it is longer than one.
func TestTorn(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 511, 512, 513, 4096, 5000} {
		for range 200 {
			if left := torn(n, chance); left < 0 || left >= n || n > sector && left%sector != 0 {
				t.Fatalf("%d of %d bytes stay", left, n)
			}
		}
	}
}

// A kernel that sends less than it should gets an answer, and no panic.
func TestShortRequests(t *testing.T) {
	dir := t.TempDir()
	rubbish, _ := newTrash(dir)
	s := &system{rules: rules{all: map[string]*rule{}}, journal: newJournal(rubbish), tree: newTree(dir)}
	for op := range uint32(64) {
		for _, size := range []int{0, 1, 7, 8, 20, 100} {
			_, _ = s.do(&with{Context: t.Context(), system: s, request: request{op: op, node: top, body: make([]byte, size)}})
		}
	}
}
