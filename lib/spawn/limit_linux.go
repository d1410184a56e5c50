package spawn

import (
	"syscall"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
)

func resources() map[string]int {
	return map[string]int{
		"as": unix.RLIMIT_AS, "core": unix.RLIMIT_CORE, "cpu": unix.RLIMIT_CPU, "data": unix.RLIMIT_DATA,
		"fsize": unix.RLIMIT_FSIZE, "locks": unix.RLIMIT_LOCKS, "memlock": unix.RLIMIT_MEMLOCK,
		"msgqueue": unix.RLIMIT_MSGQUEUE, "nice": unix.RLIMIT_NICE, "nofile": unix.RLIMIT_NOFILE,
		"nproc": unix.RLIMIT_NPROC, "rss": unix.RLIMIT_RSS, "rtprio": unix.RLIMIT_RTPRIO,
		"rttime": unix.RLIMIT_RTTIME, "sigpending": unix.RLIMIT_SIGPENDING, "stack": unix.RLIMIT_STACK,
	}
}

// limits sets what was asked for, after the caller's own limit of descriptors, which the Go runtime raised at its start.
func (p *plan) limits() error {
	nofile, err := callersNofile()
	if err != nil {
		return err
	}
	p.do("set the limit nofile", fork.Must, unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, address(p, &nofile))
	for _, l := range p.cmd.Limits {
		var bounds unix.Rlimit
		resource := resources()[l.Name]
		if err := unix.Getrlimit(resource, &bounds); err != nil {
			return &StepError{"read the limit " + l.Name, err}
		}
		if resource == unix.RLIMIT_NOFILE {
			bounds = nofile
		}
		if l.Soft != nil {
			bounds.Cur = *l.Soft
		}
		if l.Hard != nil {
			bounds.Max = *l.Hard
		}
		if l.Lenient {
			bounds.Cur = min(bounds.Cur, bounds.Max)
		}
		p.do("set the limit "+l.Name, fork.Must, unix.SYS_PRLIMIT64, 0, uintptr(resource), address(p, &bounds))
	}
	return nil
}

// callersNofile is the limit of descriptors that this process was started with. The Go runtime raised the soft one and
// keeps the old one to itself, but puts it back before an exec: one that is bound to fail does no more than that.
func callersNofile() (unix.Rlimit, error) {
	_ = syscall.Exec("", []string{""}, nil)
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return l, err
}
