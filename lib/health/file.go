package health

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// fileCheck is healthy when there is something at a path. A link to nothing is nothing.
type fileCheck string

func fileTarget(path string) (Check, error) {
	if path == "" {
		return nil, errors.New("no path")
	}
	return fileCheck(path), nil
}

func (f fileCheck) String() string { return "file:" + string(f) }

func (f fileCheck) Check(context.Context) error {
	_, err := os.Stat(string(f))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return &plainError{text: "no such file", err: err}
	}
	return unasked(plainFile(err), err)
}

// plainFile is the error of a file without its name and the operation.
func plainFile(err error) string {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		err = failed.Err
	}
	return err.Error()
}
