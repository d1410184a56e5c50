package applets

import (
	"errors"
	"strconv"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/proc"
)

// processID is a PID, and, if given, the inode that its process must have.
type processID struct {
	pid   int
	inode uint64
}

// processOption is a process, named by its PID or by PID:INODE.
func processOption(to *processID, text string) applet.Option {
	return applet.Parsed(to, "pid", "PID[:INODE]", text, parseProcess)
}

func parseProcess(s string) (processID, error) {
	number, inode, exact := strings.Cut(s, ":")
	pid, err := applet.PID(number)
	if err != nil || !exact {
		return processID{pid: pid}, err
	}
	n, err := strconv.ParseUint(inode, 10, 64)
	if err != nil || n == 0 {
		return processID{}, errors.New(strconv.Quote(s) + " is not PID:INODE")
	}
	return processID{pid, n}, nil
}

// open is the process: proc.ErrNotFound if there is none, or another has its PID.
func (id processID) open() (*proc.Handle, error) { return proc.OpenInode(id.pid, id.inode) }
