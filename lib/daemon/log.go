package daemon

import "os"

// OpenLog opens a file for append, for a process that is to outlive its caller; see openLog for what it refuses.
func OpenLog(path string) (*os.File, error) { return openLog(path, false) }
