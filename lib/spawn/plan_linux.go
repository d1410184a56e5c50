package spawn

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
)

// plan is a program with the words for its steps.
type plan struct {
	fork.Program
	cmd   Command
	steps []string
	exec  int32 // the step that is the execve
}

func newPlan(cmd Command) *plan {
	p := &plan{cmd: cmd, steps: []string{"fork"}}
	p.Keep = append(p.Keep, p) // on the heap, where nothing moves: the calls hold plain addresses
	return p
}

// do appends a system call that is told about as step.
func (p *plan) do(step string, how int32, number uintptr, args ...uintptr) {
	if p.steps[len(p.steps)-1] != step {
		p.steps = append(p.steps, step)
	}
	c := fork.Call{Number: number, Step: int32(len(p.steps) - 1), How: how}
	copy(c.Args[:], args)
	p.Calls = append(p.Calls, c)
}

func address[T any](p *plan, v *T) uintptr {
	p.Keep = append(p.Keep, v)
	return uintptr(unsafe.Pointer(v))
}

func (p *plan) text(s string) (uintptr, error) {
	b, err := syscall.BytePtrFromString(s)
	if err != nil {
		return 0, fmt.Errorf("%q holds a NUL", s)
	}
	return address(p, b), nil
}

func (p *plan) texts(list []string) (uintptr, error) {
	pointers, err := syscall.SlicePtrFromStrings(list)
	if err != nil {
		return 0, errors.New("an argument or a variable holds a NUL")
	}
	p.Keep = append(p.Keep, pointers)
	return uintptr(unsafe.Pointer(&pointers[0])), nil
}

// compose lays out the way from the fork to the execve. The order matters: the session first; what needs privilege before
// the credentials; the working directory after them, since it may be one that only the user can enter (NFS).
func compose(cmd Command, ends *ends, session, detach bool) (*plan, error) {
	p := newPlan(cmd)
	p.Report = uintptr(ends.child)
	if session {
		p.do("make a session", fork.Must, unix.SYS_SETSID)
	}
	if detach {
		p.do("fork", fork.Divide, 0)
		p.do("lead its process group", fork.Must, unix.SYS_SETPGID, 0, 0)
	}
	if cmd.ProcessGroup != nil {
		p.do("join its process group", fork.Must, unix.SYS_SETPGID, 0, uintptr(*cmd.ProcessGroup))
	}
	if cmd.Within != nil {
		if err := p.within(cmd.Within); err != nil {
			return nil, err
		}
	}
	p.do("tell its PID", fork.Myself, unix.SYS_GETPID)
	for sig := uintptr(1); sig <= 64; sig++ { // KILL, STOP and, to some kernels, the C library's own cannot be set
		p.do("reset signals", fork.May, unix.SYS_RT_SIGACTION, sig, address(p, &p.None), 0, fork.SetSize)
	}
	for _, sig := range cmd.Ignored {
		to := fork.Handled(fork.Ignored)
		p.do("ignore signals", fork.May, unix.SYS_RT_SIGACTION, uintptr(sig), address(p, &to), 0, fork.SetSize)
	}
	p.descriptors(ends)
	if err := errors.Join(p.scoreOOM(ends.free()), p.properties()); err != nil {
		return nil, err
	}
	if cmd.Mortal { // a change of credentials would have cleared it
		p.do("bind its life to ours", fork.Must, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	}
	p.do("unblock signals", fork.Must, unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, address(p, &p.None), 0, fork.SetSize)
	p.do("report", fork.Must, unix.SYS_WRITE, p.Report, address(p, &p.Word), unsafe.Sizeof(p.Word))
	p.do("inherit a lock", fork.Gated, unix.SYS_RECVMSG, uintptr(ends.child), p.envelope(), 0)
	path, err1 := p.text(cmd.Path)
	args, err2 := p.texts(cmd.Args)
	env, err3 := p.environment()
	p.do("execute", fork.Must, unix.SYS_EXECVE, path, args, env)
	p.exec = int32(len(p.steps) - 1)
	return p, errors.Join(err1, err2, err3)
}

// within goes on in another PID namespace: what enters one is not in it, but its children are. The mounts are its own for the
// sake of /proc, and what is mounted outside later is seen.
func (p *plan) within(init *Init) error {
	p.Keep = append(p.Keep, init.Process)
	flags := uintptr(unix.CLONE_NEWPID)
	if init.User {
		flags |= unix.CLONE_NEWUSER
	}
	root, err1 := p.text("/")
	proc, err2 := p.text("proc")
	dir, err3 := p.text("/proc")
	p.do("enter the PID namespace", fork.Must, unix.SYS_SETNS, uintptr(init.Process.FD()), flags)
	if !mounted("/") { // below a chroot(2) what is mounted could come up outside
		p.do("fork", fork.Pass, 0)
		return nil
	}
	p.do("have mounts of its own", fork.Must, unix.SYS_UNSHARE, unix.CLONE_NEWNS)
	p.do("have mounts of its own", fork.Must, unix.SYS_MOUNT, proc, root, 0, unix.MS_REC|unix.MS_SLAVE)
	p.do("fork", fork.Pass, 0)
	p.do("mount /proc", fork.May, unix.SYS_MOUNT, proc, dir, proc, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC)
	return errors.Join(err1, err2, err3)
}

// mounted says that a mount begins at dir.
func mounted(dir string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, dir, 0, 0, &st)
	return err == nil && st.Attributes&st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// environment is Env, with a variable that the child itself writes its PID into.
func (p *plan) environment() (uintptr, error) {
	if p.cmd.PIDVar == "" {
		return p.texts(p.cmd.Env)
	}
	env := slices.DeleteFunc(slices.Clone(p.cmd.Env), func(kv string) bool { return strings.HasPrefix(kv, p.cmd.PIDVar+"=") })
	pointers, err := syscall.SlicePtrFromStrings(append(env, p.cmd.PIDVar+"="+strings.Repeat("0", len(p.Digits)-1)))
	if err != nil {
		return 0, errors.New("a variable holds a NUL")
	}
	p.Keep = append(p.Keep, pointers)
	last := unsafe.Pointer(pointers[len(env)])
	p.Digits = (*[16]byte)(unsafe.Add(last, len(p.cmd.PIDVar)+1))
	return uintptr(unsafe.Pointer(&pointers[0])), nil
}

// envelope is where the word to go is received, and descriptors with it: they land on the lowest free numbers.
func (p *plan) envelope() uintptr {
	gate := unix.Iovec{Base: &p.Gate}
	gate.SetLen(1)
	rights := make([]byte, unix.CmsgSpace(8*4))
	p.Letter = unix.Msghdr{Iov: &gate, Control: &rights[0]}
	p.Letter.SetIovlen(1)
	p.Letter.SetControllen(len(rights))
	return address(p, &p.Letter)
}

// properties are what Exec gives to this process as well.
func (p *plan) properties() error {
	cmd := p.cmd
	if cmd.Umask != nil {
		p.do("set the umask", fork.Must, unix.SYS_UMASK, uintptr(*cmd.Umask))
	}
	if cmd.Nice != nil {
		p.do(fmt.Sprintf("set the nice value %d", *cmd.Nice), fork.Must, unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(*cmd.Nice))
	}
	if err := p.limits(); err != nil {
		return err
	}
	if err := p.scheduling(); err != nil {
		return err
	}
	if err := p.credentials(); err != nil {
		return err
	}
	if cmd.NoNewPrivs {
		p.do("set no_new_privs", fork.Must, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	}
	for _, fd := range cmd.Shut {
		p.do("close descriptors", fork.May, unix.SYS_CLOSE, uintptr(fd))
	}
	if cmd.Dir == "" {
		return nil
	}
	dir, err := p.text(cmd.Dir)
	p.do("change to the directory "+cmd.Dir, fork.Must, unix.SYS_CHDIR, dir)
	return err
}

// scoreOOM is for the process itself, whatever its number is in the /proc that is mounted, and while it has the privilege
// to lower it. free is a descriptor's number that the file is to get: the lowest one.
func (p *plan) scoreOOM(free int) error {
	if p.cmd.OOMScoreAdj == nil {
		return nil
	}
	score := strconv.Itoa(*p.cmd.OOMScoreAdj)
	step := "set oom_score_adj " + score
	path, err1 := p.text("/proc/self/oom_score_adj")
	text, err2 := p.text(score)
	p.do(step, fork.May, unix.SYS_CLOSE, uintptr(free)) // whatever was leaked to it
	p.do(step, fork.Must, unix.SYS_OPENAT, atCWD, path, unix.O_WRONLY)
	p.do(step, fork.Must, unix.SYS_WRITE, uintptr(free), text, uintptr(len(score)))
	p.do(step, fork.May, unix.SYS_CLOSE, uintptr(free))
	return errors.Join(err1, err2)
}

// atCWD is unix.AT_FDCWD as a system call takes it.
const atCWD = ^uintptr(99)

// descriptors puts the files in their places and closes everything else. Those whose number may be another's place go by
// way of copies above all; others do not, for there may be no more numbers above.
func (p *plan) descriptors(e *ends) {
	p.do("lift the limit nofile", fork.May, unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, address(p, &e.lifted))
	places := slices.Sorted(maps.Keys(e.files))
	from, next := maps.Clone(e.files), e.above
	for _, place := range places {
		if int(from[place]) < e.floor {
			p.do("copy descriptors", fork.Must, unix.SYS_DUP3, from[place], uintptr(next), unix.O_CLOEXEC)
			from[place] = uintptr(next)
			next++
		}
	}
	for _, place := range places {
		p.do(fmt.Sprintf("place descriptor %d", place), fork.Must, unix.SYS_DUP3, from[place], uintptr(place), 0)
	}
	kept := slices.Sorted(slices.Values(append(places, e.child)))
	if e.leaked != nil {
		for _, fd := range e.leaked {
			if !slices.Contains(kept, fd) {
				p.do("close descriptors", fork.May, unix.SYS_CLOSE, uintptr(fd))
			}
		}
		return
	}
	first := 0
	for _, fd := range kept {
		if fd > first {
			p.do("close descriptors", fork.Must, unix.SYS_CLOSE_RANGE, uintptr(first), uintptr(fd-1), 0)
		}
		first = fd + 1
	}
	p.do("close descriptors", fork.Must, unix.SYS_CLOSE_RANGE, uintptr(first), uintptr(^uint32(0)), 0)
}
