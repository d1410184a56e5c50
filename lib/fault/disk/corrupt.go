package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"

	"pidbox/lib/fault"
)

// CheckCorruption checks what an order corrupt asks for.
func CheckCorruption(o fault.Order) error {
	switch {
	case o.Flip == 0 && o.Cut == 0:
		return errors.New("corrupt needs flip, a number of bits, or cut, a number of bytes")
	case o.Flip < 0 || o.Flip > 1<<20:
		return fmt.Errorf("flip of %d bits is not within 0 to %d", o.Flip, 1<<20)
	case o.Cut < 0:
		return fmt.Errorf("cut of %d bytes is negative", o.Cut)
	}
	return Check(fault.Spec{Kind: fault.EIO, Paths: o.Paths})
}

// Corrupt changes the files of a stopped member below those names: it cuts bytes off the end of each, and flips bits at
// places that are drawn from the seed. Empty files stay as they are.
func Corrupt(root *os.Root, names []string, o fault.Order) (lost fault.Lost, err error) {
	chance := rand.New(rand.NewPCG(o.Seed, o.Seed))
	for _, name := range names {
		err = errors.Join(err, fs.WalkDir(root.FS(), name, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || !Matches(o.Paths, path) || strings.HasPrefix(path, trashName+"/") {
				return err
			}
			n, err := corrupt(root, path, o, chance)
			if n > 0 {
				lost.Files++
				lost.Bytes += n
			}
			return err
		}))
	}
	return lost, err
}

func corrupt(root *os.Root, path string, o fault.Order, chance *rand.Rand) (changed uint64, err error) {
	f, err := root.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	if cut := min(o.Cut, size); cut > 0 {
		if err := f.Truncate(size - cut); err != nil {
			return 0, err
		}
		size, changed = size-cut, uint64(cut)
	}
	bits := map[int64]bool{}
	for int64(len(bits)) < min(int64(o.Flip), size*8) { // each once, or one would undo another
		bits[chance.Int64N(size*8)] = true
	}
	for bit := range bits {
		var b [1]byte
		if _, err := f.ReadAt(b[:], bit/8); err != nil {
			return changed, err
		}
		b[0] ^= 1 << (bit % 8)
		if _, err := f.WriteAt(b[:], bit/8); err != nil {
			return changed, err
		}
		changed++
	}
	return changed, f.Sync()
}
