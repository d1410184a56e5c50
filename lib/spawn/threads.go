package spawn

import (
	"runtime"
	"sync"
)

// HaveThreads has the runtime make n threads, which it keeps. Later there may be none to be had (RLIMIT_NPROC, pids.max,
// used up by the command, say), and the runtime ends a program that needs one then.
func HaveThreads(n int) {
	var here, all sync.WaitGroup
	here.Add(n)
	for range n {
		all.Go(func() {
			runtime.LockOSThread() // each has one of its own while it waits for the others
			defer runtime.UnlockOSThread()
			here.Done()
			here.Wait()
		})
	}
	all.Wait()
}
