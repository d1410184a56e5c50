package child

import (
	"bytes"
	"context"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/proc"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// Said runs a command in a session of its own, and returns how it ended, with the end of what it wrote. Its group is killed
// when it has ended, and with the end of ctx, whose cause is the error then; what has left the group is not found.
func Said(ctx context.Context, cmd spawn.Command) (end spawn.Ending, text string, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return end, "", err
	}
	defer read.Close()

	// The parent whose death kills the command is this thread, not the process: prctl(2).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.Stdout, cmd.Stderr, cmd.Mortal = write, write, true
	run, err := Start(ctx, cmd, Spec{Session: true, Scope: proc.Group})
	write.Close()
	if err != nil {
		return end, "", err
	}
	defer run.Close()
	said, copied := &tail{}, make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(said, read)
	}()
	defer context.AfterFunc(ctx, func() { _ = run.Stop(context.Background(), Kill(), nil) })()
	_ = run.Clear()
	end, err = run.Reap()
	_ = read.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // for the output of what left the group
	<-copied
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return end, string(bytes.TrimSpace(said.text)), err
}

// Line is a line of shell that is run on a process. The zero value is none.
type Line string

// Run runs it with the rights, the directory and the environment of like, and with the PID of the process in the variable
// PID. It fails with *LineError where it does not end with 0, and with the cause of ctx.
func (l Line) Run(ctx context.Context, pid int, like spawn.Command) error {
	const sh = "/bin/sh"
	like.Path, like.Args = sh, []string{sh, "-c", string(l)}
	like.Env = spawn.MergeEnv(like.Env, []string{"PID=" + strconv.Itoa(pid)})
	end, text, err := Said(ctx, like)
	if err == nil && end != (spawn.Ending{}) {
		err = &LineError{end, text}
	}
	return err
}

// LineError is a line of shell that failed.
type LineError struct {
	End  spawn.Ending
	Text string // the end of what it wrote
}

func (e *LineError) Error() string {
	text := e.End.String()
	if e.End.Signal != 0 {
		text = "killed by signal " + signals.Name(e.End.Signal)
	}
	if last := e.Text[strings.LastIndexByte(e.Text, '\n')+1:]; last != "" {
		text += ": " + strconv.Quote(last)
	}
	return text
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const enough = 4 << 10
	t.text = append(t.text, p...)
	if extra := len(t.text) - enough; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}
