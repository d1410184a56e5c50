package daemon

import (
	"context"
	"os"
	"runtime"

	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// Crowded says that this process has children, as a shell's that executed it: see Apart.
func Crowded() bool {
	some, _ := spawn.Children() // if that cannot be told, Apart would not help
	return some
}

// Apart runs a program, this one for instance, as a child in the same process group with the same descriptors,
// and says how it ended. That one has no children but those it starts. Only such a process can have the orphans of a
// daemon come to it and know them by that: where there are others before, theirs would come as well. TERM, INT, HUP and
// QUIT are passed on, and it does not outlive us.
func Apart(path string, args []string) (spawn.Ending, error) {
	spawn.HaveThreads(spareThreads)
	runtime.LockOSThread() // the child dies with this thread
	defer runtime.UnlockOSThread()
	std, others, done, err := spawn.Inherited()
	if err != nil {
		return spawn.Ending{}, err
	}
	defer done()
	ctx, stop := signals.Until(context.Background())
	defer stop()
	p, err := spawn.Start(context.Background(), spawn.Command{
		Path: path, Args: args, Env: os.Environ(), Mortal: true,
		Stdin: std[0], Stdout: std[1], Stderr: std[2], ExtraFiles: others,
	}, false)
	if err != nil {
		return spawn.Ending{}, err
	}
	defer p.Close()
	if err := p.Go(); err != nil {
		return spawn.Ending{}, err
	}
	undo := context.AfterFunc(ctx, func() {
		if caught, ok := context.Cause(ctx).(*signals.Caught); ok {
			_ = p.Handle().Signal(caught.Signal)
		}
	})
	defer undo()
	return p.Wait(context.Background())
}

// Own is this program, to be run again.
func Own(name string) (string, error) {
	exe, err := os.Executable()
	if err != nil { // no /proc
		exe, err = spawn.LookPath(name, os.Getenv("PATH"), "")
	}
	return exe, err
}
