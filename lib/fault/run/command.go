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

// outputLimit is how much of a command's output is kept to read in; all of it goes to the evidence, if to anything.
const outputLimit = 64 << 10

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(b []byte) (int, error) {
	n, err := t.Buffer.Write(b)
	if t.Len() > 2*outputLimit {
		t.Next(t.Len() - outputLimit)
	}
	return n, err
}

// job is a command that runs in a session of its own.
type job struct {
	child  *child.Child
	ending spawn.Ending
	err    error
	out    tail // standard output
	errs   tail
	life   *os.File // of one with a keeper: closing it ends the command
	done   chan struct{}
}

// sinks are where a command's output goes besides; nil for nowhere. What they return is not looked at.
type sinks struct{ out, errs io.Writer }

func begin(argv plan.Command, env []string, to sinks) (*job, error) {
	path, err := spawn.LookPath(argv[0], os.Getenv("PATH"), "")
	if err != nil {
		return nil, err
	}
	return launch(path, argv, env, nil, to)
}

func launch(path string, argv, env []string, stdin *os.File, to sinks) (*job, error) {
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
	for _, one := range []struct {
		from *os.File
		to   *tail
		also io.Writer
	}{{outRead, &j.out, to.out}, {errRead, &j.errs, to.errs}} {
		kept.Go(func() {
			defer one.from.Close()
			all := io.Writer(one.to)
			if one.also != nil {
				all = io.MultiWriter(one.to, lenient{one.also})
			}
			_, _ = io.Copy(all, one.from)
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

// lenient takes all that is written: a full disk must not stop a command at its output.
type lenient struct{ io.Writer }

func (l lenient) Write(b []byte) (int, error) {
	_, _ = l.Writer.Write(b)
	return len(b), nil
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
func (c *Cluster) call(ctx context.Context, argv plan.Command, env []string, limit time.Duration, to sinks) (string, error) {
	j, err := begin(argv, env, to)
	if err != nil {
		return "", err
	}
	return j.finish(ctx, limit, &c.turn)
}

// callKept is call with a keeper.
func (c *Cluster) callKept(ctx context.Context, argv plan.Command, env []string, limit time.Duration, to sinks) error {
	j, err := beginKept(argv, env, to)
	if err != nil {
		return err
	}
	_, err = j.finish(ctx, limit, &c.turn)
	return err
}

// finish waits for the end, or kills at the limit, which a busy machine makes longer if there are turns to be looked at.
func (j *job) finish(ctx context.Context, limit time.Duration, turns *turn) (string, error) {
	allowed := limit
	for began := time.Now(); ; {
		timer := time.NewTimer(time.Until(began.Add(limit)))
		select {
		case <-j.done:
			timer.Stop()
			return j.out.String(), j.failure()
		case <-ctx.Done():
			timer.Stop()
			j.end()
			return "", context.Cause(ctx)
		case <-timer.C:
		}
		ours := false
		if turns != nil {
			limit, ours = turns.late(ctx, 0, limit)
		}
		if !ours {
			j.end()
			return "", fmt.Errorf("it hung, killed after %v", allowed)
		}
	}
}

// harmless says whether a load that was told to stop ended as one may: well, or by a signal of its keeper, who says so
// by 128 and its number.
func (j *job) harmless() bool {
	well := []int{0, 128 + int(syscall.SIGTERM), 128 + int(syscall.SIGKILL)}
	return j.err == nil && j.ending.Signal == 0 && slices.Contains(well, j.ending.Code)
}
