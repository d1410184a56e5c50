package disk

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Revive takes away a file system whose process has ended: nothing in the directory can be had until then. Another one is
// left alone.
func Revive(dir string) error {
	var st unix.Stat_t
	err := unix.Stat(dir, &st)
	if err != unix.ENOTCONN {
		return err
	}
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// Flush has the kernel write what it holds of the files in the directory.
func Flush(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("flush %s: %w", dir, err)
	}
	return nil
}
