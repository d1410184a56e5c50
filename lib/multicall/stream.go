package multicall

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// unbroken is w, which a broken pipe cannot turn into death by SIGPIPE: Go dies so only of descriptors 1 and 2, and
// a signal half-way would leave a process half stopped. Asking for the signal instead would cost a thread.
func unbroken(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if !ok || f == nil {
		return w
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return w
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// output remembers the first failure to write, so that data that was lost is never reported as success.
type output struct {
	to  io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.to.Write(b)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}
