package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pidbox/lib/spawn"
)

// Command is what is kept running, as it was asked for.
type Command struct {
	Args     []string // the program is looked up in PATH before each start
	Env      []string // K=V, set for it
	EnvFiles []string // of such lines; Env comes after. They are read once
	ClearEnv bool     // it inherits no variable
	Dir      string
	Umask    *int
	User     *spawn.User
	Output   Output
}

// program is a Command as it was when its supervisor began.
type program struct {
	command spawn.Command // without Path, Stdout and Stderr
	cwd     string        // from where it is looked up
	output  Output

	insecure bool // its logs may be where other users could have put links or files in their place
}

// program reads what is read once, and tells by what the command is known again. A program that is not there, named by
// its path, is no error: its process may run on without it, and a start says so.
func (c Command) program(notify, insecure bool) (program, Fingerprint, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return program{}, Fingerprint{}, err
	}
	inherited, given, err := c.environment(notify, insecure)
	if err != nil {
		return program{}, Fingerprint{}, err
	}
	p := program{
		command: spawn.Command{
			Args: c.Args, Env: spawn.MergeEnv(inherited, given), Dir: c.Dir, Umask: c.Umask, User: c.User,
		},
		cwd:      cwd,
		output:   c.Output,
		insecure: insecure,
	}
	print := Fingerprint{Args: c.Args, Env: given, Dir: c.Dir}
	print.Path, err = p.find()
	switch {
	case err == nil:
	case !strings.Contains(c.Args[0], "/"):
		return program{}, Fingerprint{}, err
	case filepath.IsAbs(c.Args[0]):
		print.Path = c.Args[0]
	default:
		print.Path = filepath.Join(cwd, c.Args[0])
	}
	if c.ClearEnv {
		print.Env = append([]string{"-"}, given...)
	}
	if c.User != nil {
		print.User = fmt.Sprint(c.User.UID, c.User.GID, c.User.Groups)
	}
	return p, print, nil
}

// environment is what the command inherits, and what is set for it. A socket of our own for notices is not for it to
// answer.
func (c Command) environment(notify, insecure bool) (inherited, given []string, err error) {
	if !c.ClearEnv {
		inherited = os.Environ()
	}
	if notify {
		inherited = slices.DeleteFunc(inherited, func(kv string) bool {
			return strings.HasPrefix(kv, "NOTIFY_SOCKET=")
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
	return inherited, spawn.MergeEnv(given, c.Env), nil
}

func (p program) find() (string, error) {
	return p.command.User.LookPath(p.command.Args[0], os.Getenv("PATH"), p.cwd)
}

// ready is what to start now: the program is found and its logs are opened anew each time, so that neither an upgrade
// nor a rotation is missed. done closes this side of the logs.
func (p program) ready() (cmd spawn.Command, done func(), err error) {
	cmd = p.command
	if cmd.Path, err = p.find(); err != nil {
		return cmd, nil, err
	}
	cmd.Stdout, cmd.Stderr, done, err = p.output.Open(p.command.User, p.insecure)
	return cmd, done, err
}
