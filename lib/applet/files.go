package applet

import (
	"os"
	"path/filepath"
)

// SameFile says whether both paths lead to one file, or are two names of one that does not exist yet.
func SameFile(a, b string) bool {
	if isOne(a, b) {
		return true
	}
	return filepath.Base(a) == filepath.Base(b) && isOne(filepath.Dir(a), filepath.Dir(b))
}

func isOne(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return a == b
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
