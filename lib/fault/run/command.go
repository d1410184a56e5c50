package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/fault/plan"
	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// outputLimit is how much of a command's output is kept; the rest is read and dropped.
const outputLimit = 64 << 10

// job is a command that runs in a session of its own.
type job struct {
	child  *child.Child
	ending spawn.Ending
	err    error
	out    bytes.Buffer // standard output
	errs   bytes.Buffer
	life   *os.File // of one with a keeper: closing it ends the command
	done   chan struct{}
}

func begin(argv plan.Command, env []string) (*job, error) {
	path, err := spawn.LookPath(argv[0], os.Getenv("PATH"), "")
	if err != nil {
		return nil, err
	}
	return launch(path, argv, env, nil)
}

func launch(path string, argv, env []string, stdin *os.File) (*job, error) {
	j := &job{done: make(chan struct{})}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer outWrite.Close()
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		outRead.Close()
		return nil, err
	}
	defer errWrite.Close()
	cmd := spawn.Command{
		Path: path, Args: argv, Env: spawn.MergeEnv(os.Environ(), env),
		Stdin: stdin, Stdout: outWrite, Stderr: errWrite,
	}
	j.child, err = child.Start(context.Background(), cmd, ofASession())
	if err != nil {
		outRead.Close()
		errRead.Close()
		return nil, err
	}
	var kept sync.WaitGroup
	for from, to := range map[*os.File]*bytes.Buffer{outRead: &j.out, errRead: &j.errs} {
		kept.Go(func() {
			defer from.Close()
			_, _ = io.CopyN(to, from, outputLimit)
			_, _ = io.Copy(io.Discard, from)
		})
	}
	go func() {
		j.wait()
		// what has left the session may hold the output open for ever
		end := time.Now().Add(5 * time.Second)
		_, _ = outRead.SetReadDeadline(end), errRead.SetReadDeadline(end)
		kept.Wait()
		close(j.done)
	}()
	return j, nil
}

// ofASession is how a command is kept: what it leaves in its session is ended with it.
func ofASession() child.Spec { return child.Spec{Session: true, Scope: proc.Session} }

// wait waits for its end, and ends what it has left in its session, which would hold the output open.
func (j *job) wait() {
	_ = j.child.Clear() // what could not be ended is nothing that its exit status tells
	j.ending, j.err = j.child.Reap()
	j.child.Close()
}

// graceful ends a command: TERM, and KILL after two seconds.
func graceful() signals.Schedule {
	return append(signals.Schedule{{Signal: syscall.SIGTERM, Wait: 2 * time.Second}}, child.Kill()...)
}

// stop ends all of the command's session, even when the command has ended.
func (j *job) stop() { _ = j.child.Stop(context.Background(), graceful(), nil) }

// end stops it and waits until it is gone.
func (j *job) end() {
	select {
	case <-j.done:
		return
	default:
	}
	if j.life != nil {
		j.life.Close()
	} else {
		j.stop()
	}
	<-j.done
}

// failure is why the command is not fine; nil if it exited with 0.
func (j *job) failure() error {
	if j.err == nil && j.ending == (spawn.Ending{}) {
		return nil
	}
	why := j.ending.String()
	if j.err != nil {
		why = j.err.Error()
	}
	if line := lastLine(j.errs.String()); line != "" {
		why += ": " + line
	}
	return errors.New(why)
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// call runs a command to its end, or kills it at the limit, and returns its standard output.
func call(ctx context.Context, argv plan.Command, env []string, limit time.Duration) (string, error) {
	j, err := begin(argv, env)
	if err != nil {
		return "", err
	}
	return j.finish(ctx, limit)
}

// callKept is call with a keeper; all that the command prints counts as standard error.
func callKept(ctx context.Context, argv plan.Command, env []string, limit time.Duration) error {
	j, err := beginKept(argv, env)
	if err != nil {
		return err
	}
	_, err = j.finish(ctx, limit)
	return err
}

func (j *job) finish(ctx context.Context, limit time.Duration) (string, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-j.done:
		return j.out.String(), j.failure()
	case <-timer.C:
		j.end()
		return "", fmt.Errorf("it hung, killed after %v", limit)
	case <-ctx.Done():
		j.end()
		return "", context.Cause(ctx)
	}
}

// harmless says whether a load that was told to stop ended as one may: well, or by a signal of its keeper, who says so
// by 128 and its number.
func (j *job) harmless() bool {
	well := []int{0, 128 + int(syscall.SIGTERM), 128 + int(syscall.SIGKILL)}
	return j.err == nil && j.ending.Signal == 0 && slices.Contains(well, j.ending.Code)
}
