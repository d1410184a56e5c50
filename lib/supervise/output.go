package supervise

import (
	"os"

	"pidbox/lib/resolve"
	"pidbox/lib/spawn"
)

// Output is where a command writes: paths of logs, "-" for the supervisor's own output, "" for nowhere. The files are
// opened for append and handed to the command itself, so that they outlive the supervisor, and anew at each start, so
// that one that was rotated away is let go at the latest by a restart.
type Output struct {
	Stdout, Stderr string
	Made           func(dir string) // hears of each directory that was made for one; may be nil
}

// Open opens both; the same file may be given twice. One that another user determined who could not write to it himself
// is refused, unless insecure, see resolve.OpenLog; one that is made belongs to the user that the command runs as. The
// function that it returns closes this side of them.
func (o Output) Open(user *spawn.User, insecure bool) (stdout, stderr *os.File, done func(), err error) {
	if stdout, err = openLog(o.Stdout, os.Stdout, user, insecure, o.Made); err != nil {
		return nil, nil, nil, err
	}
	if stderr = stdout; o.Stderr != o.Stdout || o.Stderr == "-" {
		if stderr, err = openLog(o.Stderr, os.Stderr, user, insecure, o.Made); err != nil {
			closeLog(stdout)
			return nil, nil, nil, err
		}
	}
	return stdout, stderr, func() { closeLog(stdout); closeLog(stderr) }, nil
}

func openLog(path string, own *os.File, user *spawn.User, insecure bool, made func(string)) (*os.File, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return own, nil
	}
	return spawn.OpenLog(path, false, user, resolve.Policy{Insecure: insecure, Make: 0o755, Made: made})
}

func closeLog(f *os.File) {
	if f != nil && f != os.Stdout && f != os.Stderr {
		f.Close()
	}
}
