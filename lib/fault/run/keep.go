package run

import (
	"context"
	"io"
	"os"
	"runtime"

	"pidbox/lib/child"
	"pidbox/lib/fault/plan"
	"pidbox/lib/spawn"
)

// KeepVariable is the environment variable that makes a fault-tester the keeper of a command.
const KeepVariable = "PIDBOX_FAULT_KEEP"

// Keep runs a command and ends it, with all of its session, when stdin ends: a load must not go on for ever because
// its tester was killed. The keeper of an undo runs it then, for what was done must not stay for ever either. It returns the command's exit status, 128+n for a signal.
func Keep(argv []string, stdin io.Reader, stderr *os.File) (int, error) {
	stdout := os.NewFile(1, "stdout") // as it was inherited: the load's, whatever this program makes of its own
	defer runtime.KeepAlive(stdout)
	path, err := spawn.LookPath(argv[0], os.Getenv("PATH"), "")
	if err != nil {
		return 0, err
	}
	later := os.Getenv(KeepVariable) == keepUndo
	if err := os.Unsetenv(KeepVariable); err != nil {
		return 0, err
	}
	j := &job{done: make(chan struct{})}
	if later {
		_, _ = io.Copy(io.Discard, stdin)
	}
	cmd := spawn.Command{Path: path, Args: argv, Env: os.Environ(), Stdout: stdout, Stderr: stderr}
	if j.child, err = child.Start(context.Background(), cmd, ofASession()); err != nil {
		return 0, err
	}
	if !later {
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			j.stop()
		}()
	}
	j.wait()
	if j.ending.Signal != 0 {
		return 128 + int(j.ending.Signal), j.err
	}
	return j.ending.Code, j.err
}

// The values of KeepVariable: to run a command until stdin ends, or from then on.
const (
	keepLoad = "1"
	keepUndo = "undo"
)

// beginKept is begin with a keeper, which is a second process: for what runs long.
func beginKept(argv plan.Command, env []string, to sinks) (*job, error) {
	return kept(keepLoad, argv, env, to)
}

// undoLater begins a command that runs once life is closed.
func undoLater(argv plan.Command, env []string, to sinks) (*job, error) {
	return kept(keepUndo, argv, env, to)
}

func kept(how string, argv plan.Command, env []string, to sinks) (*job, error) {
	if _, err := spawn.LookPath(argv[0], os.Getenv("PATH"), ""); err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	j, err := launch("/proc/self/exe", append([]string{"fault-tester", "--"}, argv...), append(env[:len(env):len(env)], KeepVariable+"="+how), read, to)
	if err != nil {
		write.Close()
		return nil, err
	}
	j.life = write
	return j, nil
}
