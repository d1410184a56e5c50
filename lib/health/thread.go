package health

import "runtime"

// ShareThread has a process that only asks a few checks, and runs none as a command, use one thread at a time: an attempt
// goes through several goroutines, and being handed from thread to thread it costs a tenth more processor time. It holds
// for the whole process, so call it only where nothing else is at work.
func ShareThread(checks int) {
	if checks <= 8 {
		runtime.GOMAXPROCS(1)
	}
}
