package proc

import "errors"

var (
	errNoPidfd = errors.New("no pidfds")
	errNoProc  = errors.New("no /proc of this PID namespace, or the process is hidden in it")
)

func open(pid int) (link, error) {
	if forced == "" {
		if l, err := openPidfd(pid); !errors.Is(err, errNoPidfd) {
			return l, err
		}
	}
	if forced != "bare" {
		if l, err := openProcDir(pid); !errors.Is(err, errNoProc) {
			return l, err
		}
	}
	return openBare(pid)
}
