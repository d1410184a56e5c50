package supervise

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"pidbox/lib/daemon"
	"pidbox/lib/spawn"
)

// Rotation bounds the logs of a command: each is renamed when it has grown to Megabytes, and Keep old ones are kept.
type Rotation struct{ Megabytes, Keep int }

// Pipes are between a command and its logs, so that these can be rotated by size and opened anew while it runs. A pipe
// dies with its reader: a command that outlives its supervisor gets SIGPIPE at its next write. So there is no adoption
// of one.
type Pipes struct{ stdout, stderr *pipe }

// OpenPipes opens the logs and starts to copy, for a command that runs as user, nil for our own. The pipes last through all restarts: what a dying command wrote is not
// lost, and a full disk holds nobody up, for what cannot be written is dropped.
func OpenPipes(o Output, r Rotation, user *spawn.User) (p *Pipes, err error) {
	for _, path := range []string{o.Stdout, o.Stderr} {
		if err := rotatable(path, user); err != nil {
			return nil, err
		}
	}
	p = &Pipes{}
	if p.stdout, err = openPipe(o.Stdout, r); err != nil {
		return nil, err
	}
	if p.stderr = p.stdout; o.Stderr != o.Stdout {
		p.stderr, err = openPipe(o.Stderr, r)
	}
	return p, err
}

// rotatable refuses a log where somebody else can put a symbolic link in its place, or in that of a directory on the way:
// it is opened by its name again and again, with our rights, and a link would have us write anywhere. In a sticky
// directory the kernel guards it (fs.protected_symlinks).
func rotatable(path string, user *spawn.User) error {
	if path == "" {
		return nil
	}
	ways := []string{filepath.Dir(path)}
	if way, err := filepath.EvalSymlinks(ways[0]); err == nil {
		ways = append(ways, way)
	}
	for _, dir := range ways {
		for ; ; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			if err != nil { // opening it tells
				return nil
			}
			if by := exchanger(info, user); by != "" {
				return &daemon.UnsafeLogError{Path: path, Reason: fmt.Sprintf("cannot be rotated safely: %s can exchange what is in %s", by, dir)}
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return nil
}

// exchanger is who else can exchange the files of a directory, in words.
func exchanger(dir fs.FileInfo, user *spawn.User) string {
	mode, uid := dir.Mode(), owner(dir)
	switch {
	case uid != 0 && uid != os.Geteuid():
		return fmt.Sprintf("the user %d", uid)
	case mode&fs.ModeSticky != 0:
		return ""
	case mode&0o002 != 0:
		return "everybody"
	case mode&0o020 != 0 && user != nil && user.UID != 0 && slices.Contains(append(slices.Clone(user.Groups), user.GID), group(dir)):
		return "the user " + user.Name
	}
	return ""
}

// Open gives the ends for a command to write to; they are not its to close.
func (p *Pipes) Open() (stdout, stderr *os.File) { return p.stdout.end(), p.stderr.end() }

// Reopen has the next write open the logs anew.
func (p *Pipes) Reopen() error { return errors.Join(p.stdout.reopen(), p.stderr.reopen()) }

// Close writes what has come and closes the logs. Who holds an end open still is not waited for.
func (p *Pipes) Close() error { return errors.Join(p.stdout.close(), p.stderr.close()) }

type pipe struct {
	read, write *os.File
	log         *lumberjack.Logger
	done        chan struct{}
}

func openPipe(path string, r Rotation) (*pipe, error) {
	if path == "" {
		return nil, nil
	}
	f, err := daemon.OpenLog(path) // refuses what a log must not be, and makes it readable for all
	if err != nil {
		return nil, err
	}
	f.Close()
	p := &pipe{log: &lumberjack.Logger{Filename: path, MaxSize: r.Megabytes, MaxBackups: r.Keep, LocalTime: true}, done: make(chan struct{})}
	if p.read, p.write, err = os.Pipe(); err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(int(p.write.Fd()), false); err != nil { // the command inherits this
		return nil, err
	}
	go p.copy()
	return p, nil
}

func (p *pipe) copy() {
	defer close(p.done)
	buf := make([]byte, 32<<10)
	for {
		n, err := p.read.Read(buf)
		if n > 0 {
			_, _ = p.log.Write(buf[:n])
		}
		if err != nil && !errors.Is(err, io.ErrNoProgress) {
			return
		}
	}
}

func (p *pipe) end() *os.File {
	if p == nil {
		return nil
	}
	return p.write
}

func (p *pipe) reopen() error {
	if p == nil {
		return nil
	}
	return p.log.Close()
}

// drainTime is how long what is left in a pipe may take to be written.
const drainTime = time.Second

func (p *pipe) close() error {
	if p == nil {
		return nil
	}
	p.write.Close()
	_ = p.read.SetReadDeadline(time.Now().Add(drainTime))
	<-p.done
	p.read.Close()
	return p.log.Close()
}
