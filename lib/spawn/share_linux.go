package spawn

import (
	"bytes"
	"io"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// shareable says whether the child may have our memory until it executes the command, which saves the copy of the page tables
// and a page fault for each page that we touch meanwhile. What a process does to its memory by a change of its rights or of
// its OOM score it would do to ours; one of another user could be traced, and ours be written to by that.
func (p *plan) shareable() bool {
	cmd := p.cmd
	return cmd.User == nil && cmd.Capabilities == nil && cmd.SecureBits == nil && cmd.OOMScoreAdj == nil && cmd.Within == nil &&
		cmd.Group == nil && cmd.PIDVar == "" && !cmd.Mortal && dumpsAlone()
}

// dumpsAlone says that a core dump ends no other process that shares the memory, as it did before Linux 5.16.
func dumpsAlone() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	major, rest, _ := bytes.Cut(u.Release[:], []byte("."))
	minor, _, _ := bytes.Cut(rest, []byte("."))
	m, err1 := strconv.Atoi(string(major))
	n, err2 := strconv.Atoi(string(minor))
	return err1 == nil && err2 == nil && (m > 5 || m == 5 && n >= 16)
}

// hangUp has a child that is held exit.
func (p *Process) hangUp() { _ = unix.Shutdown(int(p.line.Fd()), unix.SHUT_WR) }

// leave closes the line, at whose end a held child exits. The memory that it has of ours stays until then.
func (p *Process) leave() {
	if p.plan == nil || !p.plan.Shares || p.over.Load() {
		p.line.Close()
		return
	}
	p.hangUp()
	go func() {
		_, _ = io.Copy(io.Discard, p.line)
		p.line.Close()
		if p.pid == 0 { // it hangs, and has not said who it is
			<-make(chan bool)
		}
		runtime.KeepAlive(p)
	}()
}
