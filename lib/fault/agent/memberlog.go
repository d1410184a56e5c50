package agent

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"syscall"

	"pidbox/lib/fault"
)

// sendLog answers with what the member has written to its log from a byte on, ?from=N, or from the beginning where the log has
// become shorter than that. The header fault.LogSize says how long it is. With ?size=1 it answers with
// that alone.
func (a *Agent) sendLog(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.ParseInt(r.FormValue("from"), 10, 64)
	if err != nil || from < 0 {
		fail(w, refuse(400, "from is a number of bytes"))
		return
	}
	if a.root == nil {
		fail(w, refuse(501, "no log: the agent has no directory"))
		return
	}
	f, err := a.root.OpenFile(logName, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) // not for ever, if it is a FIFO
	if os.IsNotExist(err) {                                                                  // it was wiped, or never written
		w.Header().Set(fault.LogSize, "0")
		return
	}
	if err != nil {
		fail(w, err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		fail(w, refuse(501, "no log: %s is no file", logName))
		return
	}
	size := info.Size()
	if from > size {
		from = 0
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set(fault.LogSize, strconv.FormatInt(size, 10))
	if from == size || r.FormValue("size") != "" {
		return
	}
	if _, err := f.Seek(from, io.SeekStart); err == nil {
		_, _ = io.CopyN(w, f, min(size-from, fault.LogLimit))
	}
}
