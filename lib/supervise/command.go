package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pidbox/lib/notify"
	"pidbox/lib/sockets"
	"pidbox/lib/spawn"
)

// Command is what is kept running, as it was asked for.
type Command struct {
	Args     []string // the program is looked up in PATH before each start
	Env      []string // K=V, set for it
	EnvFiles []string // of such lines; Env comes after. They are read before each start
	Dir      string
	User     *spawn.User
	Output   Output
	Listen   []sockets.Address // sockets that are kept for it over restarts
	Given    sockets.Set       // those that we were given for it; they come first
}

// program is a Command and from where it is started.
type program struct {
	of      Command
	command spawn.Command // without Path, Stdout and Stderr
	cwd     string        // from where it is looked up

	notify   bool // NOTIFY_SOCKET is not for it
	insecure bool // its logs may be where other users could have put links or files in their place
}

// program looks at what each start looks at anew, and tells by what the command is known again. A program that is not
// there, named by its path, is no error: its process may run on without it, and a start says so.
func (c Command) program(notify, insecure bool) (program, Fingerprint, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return program{}, Fingerprint{}, err
	}
	p := program{of: c, cwd: cwd, notify: notify, insecure: insecure}
	p.command = spawn.Command{Args: c.Args, Dir: c.Dir, User: c.User}
	if c.Dir == "" && c.User == nil { // the supervisor steps out of it
		p.command.Dir = cwd
	}
	var given []string
	if p.command.Env, given, err = p.environment(); err != nil {
		return program{}, Fingerprint{}, err
	}
	path, err := p.find()
	switch {
	case err == nil:
	case !strings.Contains(c.Args[0], "/"):
		return program{}, Fingerprint{}, err
	case filepath.IsAbs(c.Args[0]):
		path = c.Args[0]
	default:
		path = filepath.Join(cwd, c.Args[0])
	}
	return p, c.fingerprint(path, given), nil
}

func (c Command) fingerprint(path string, given []string) Fingerprint {
	print := Fingerprint{Path: path, Args: c.Args, Env: given, Dir: c.Dir}
	for _, a := range c.Listen {
		print.Env = append(slices.Clip(print.Env), "listen "+a.Name+"="+a.String())
	}
	if c.User != nil {
		print.User = fmt.Sprint(c.User.UID, c.User.GID, c.User.Groups)
	}
	return print
}

// environment is that of the command, and what of it was given to be set. A socket of our own for notices is not for it to
// answer.
func (p program) environment() (env, given []string, err error) {
	c, insecure := p.of, p.insecure
	inherited := os.Environ()
	if p.notify {
		inherited = slices.DeleteFunc(inherited, func(kv string) bool {
			return strings.HasPrefix(kv, "NOTIFY_SOCKET=") || notify.ForWatchdog(kv)
		})
	}
	inherited = c.User.Environ(inherited)
	for _, file := range c.EnvFiles {
		list, err := spawn.ParseEnvFile(file, c.User, insecure)
		if err != nil {
			return nil, nil, err
		}
		given = spawn.MergeEnv(given, list)
	}
	given = spawn.MergeEnv(given, c.Env)
	return spawn.MergeEnv(inherited, given), given, nil
}

func (p program) find() (string, error) {
	return p.command.User.LookPath(p.command.Args[0], os.Getenv("PATH"), p.cwd)
}

// ready is what to start now: the program is found, its environment is read and its logs are opened anew each time, so that
// no upgrade, edit or rotation is missed. done closes this side of the logs.
func (p program) ready() (cmd spawn.Command, print Fingerprint, done func(), err error) {
	cmd = p.command
	var given []string
	if cmd.Env, given, err = p.environment(); err != nil {
		return cmd, print, nil, err
	}
	if cmd.Path, err = p.find(); err != nil {
		return cmd, print, nil, err
	}
	cmd.Stdout, cmd.Stderr, done, err = p.of.Output.Open(p.command.User, p.insecure)
	return cmd, p.of.fingerprint(cmd.Path, given), done, err
}
