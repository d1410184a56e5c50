package health

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// Exec is the check that runs argv, looked up by spawn.LookPath now, and is healthy when that exits with 0. Each run
// has a process group of its own, which is killed when the command has ended or its time is up; what has left the group
// (setsid) is not found.
func Exec(argv []string) (Check, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command to run")
	}
	path, err := spawn.LookPath(argv[0], os.Getenv("PATH"), "")
	if err != nil {
		return nil, err
	}
	return &execCheck{path: path, argv: argv}, nil
}

// shell is the check that has /bin/sh run a line.
func shell(line string) (Check, error) {
	const sh = "/bin/sh"
	if strings.TrimSpace(line) == "" {
		return nil, errors.New("no command to run")
	}
	return &execCheck{path: sh, argv: []string{sh, "-c", line}, name: firstWord(line)}, nil
}

type execCheck struct {
	path string
	argv []string
	name string         // of what it runs, where that is not the path's
	like *spawn.Command // whose rights and environment it has; nil: ours
	ran  bool           // once, so that it can be executed
}

// Like has a check that runs a command run it with the rights and the environment of another: of what is checked, rather
// than of who checks. Other checks are as they were.
func Like(c Check, cmd spawn.Command) Check {
	if e, is := c.(*execCheck); is {
		copied := *e
		copied.like = &cmd
		return &copied
	}
	return c
}

func (c *execCheck) command() spawn.Command {
	cmd := spawn.Command{Path: c.path, Args: c.argv, Env: environ()}
	if l := c.like; l != nil {
		cmd.Env, cmd.User, cmd.Umask, cmd.Limits = l.Env, l.User, l.Umask, l.Limits
		cmd.NoNewPrivs, cmd.Capabilities, cmd.Dir = l.NoNewPrivs, l.Capabilities, l.Dir
	}
	return cmd
}

// String names the program alone: its arguments may be secret, and are long.
func (c *execCheck) String() string {
	if c.name != "" {
		return "exec:" + c.name
	}
	return "exec:" + filepath.Base(c.path)
}

// firstWord is the name of what a line of shell runs, without its directory, as far as that is its first word.
func firstWord(line string) string {
	words := strings.Fields(line)
	if len(words) == 0 || strings.ContainsRune(words[0], '=') { // FOO=secret cmd
		return "sh"
	}
	return filepath.Base(words[0])
}

func (c *execCheck) Check(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	began := time.Now()
	ending, text, err := child.Said(ctx, c.command())
	switch {
	case ctx.Err() != nil && err != nil:
		return noAnswer(ctx, began)
	case err != nil:
		return c.notRun(err)
	}
	if c.ran = true; ending == (spawn.Ending{}) {
		return nil
	}
	const cannotExecute, notFound = 126, 127 // of a shell, env(1) and the like: what was to look did not run
	return &plainError{sayEnding(ending) + quoteLine(text[strings.LastIndexByte(text, '\n')+1:]), errors.New(ending.String()), ending.Code == cannotExecute || ending.Code == notFound}
}

// notRun tells a command that is not to be executed from one that is not just now: for want of processes, or because
// it is being replaced.
func (c *execCheck) notRun(err error) error {
	if failed := (*spawn.ExecError)(nil); errors.As(err, &failed) && !c.ran && failed.Errno != syscall.ETXTBSY {
		return &neverError{err}
	}
	return unasked(err.Error(), err)
}

func noAnswer(ctx context.Context, began time.Time) error {
	return &plainError{text: "no answer in " + brief(time.Since(began)), err: ctx.Err()}
}

func sayEnding(e spawn.Ending) string {
	if e.Signal != 0 {
		return "killed by signal " + signals.Name(e.Signal)
	}
	return e.String()
}
