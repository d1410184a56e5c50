// Package spawn starts a child exactly: in a session of its own, with the descriptors, credentials, limits and
// signal dispositions that were asked for and nothing that its caller leaked. A child is first held, one step before
// execve(2): it has a PID and a handle, its claim can be written down, and it runs the command only when told to Go.
// If whoever holds it dies, it goes too, so that nothing ever runs unrecorded.
package spawn

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"pidbox/lib/proc"
)

// Command says what to run and with what. The zero value of each field leaves that property alone, except for the
// standard descriptors, which become /dev/null.
type Command struct {
	Path                  string   // the file to execute, as LookPath gives it
	Args                  []string // argv, the name first
	Env                   []string // K=V, the whole environment
	Dir                   string   // entered with the rights of User
	Umask                 *int
	Stdin, Stdout, Stderr *os.File
	Keep                  []*os.File       // by Exec only: stay open across it, on their numbers
	ExtraFiles            map[int]*os.File // by the number that the child sees; every other one is closed
	PIDVar                string           // a variable that has the PID of the process, such as LISTEN_PID; "": none
	User                  *User
	Root                  string // made the root directory, before Dir is entered; Path and Dir are in it
	Nice                  *int   // -20 to 19
	Scheduler             *Scheduler
	IOPriority            *int // as ioprio_set(2) has it: the class in the bits from 13 on
	OOMScoreAdj           *int // -1000 to 1000
	Limits                []Limit
	NoNewPrivs            bool
	SecureBits            *int             // capabilities(7)
	Session               bool             // by Exec: in a session of its own, where it can be
	Shut                  []int            // by Exec: descriptors that it does not get
	Ignored               []syscall.Signal // these signals; all others have their default action, not for Exec
	Group                 *os.File         // the control group (version 2) in which it is born if the kernel does that, not for Exec
	ProcessGroup          *int             // that it joins, or 0 to lead its own, not for Exec; nil for the caller's
	Within                *Init            // the PID namespace in which it is born, not for Exec
	Mortal                bool             // killed when the thread that started it ends (PR_SET_PDEATHSIG), not for Exec
	Capabilities          *[]string        // keep only these, as "net_bind_service" or "CAP_NET_BIND_SERVICE"; nil keeps all
}

// Init is the first process of a PID namespace, which has a descriptor, and whether a user namespace was made for it, which is joined
// as well. What is started within has a /proc of its own there, where one can be mounted.
type Init struct {
	Process *proc.Handle
	User    bool
}

// ErrReaped says that somebody else has collected the exit status of the process.
var ErrReaped = errors.New("the exit status was collected elsewhere")

// ExecError is a command that cannot be executed: not found, or found and no good.
type ExecError struct {
	Path     string
	Errno    syscall.Errno
	NotFound bool   // exit status 127, else 126
	Reason   string // what is known beyond the errno's words
}

func (e *ExecError) Error() string {
	switch {
	case e.NotFound && e.Reason == "":
		return e.Path + ": command not found"
	case e.Reason != "":
		return e.Path + ": " + e.Reason
	}
	return e.Path + ": " + e.Errno.Error()
}

func (e *ExecError) Unwrap() error { return e.Errno }

// StepError is a property that could not be given to the child. The command did not run.
type StepError struct {
	Step string // "change to the directory /srv"
	Err  error
}

func (e *StepError) Error() string { return fmt.Sprintf("cannot %s: %v", e.Step, e.Err) }
func (e *StepError) Unwrap() error { return e.Err }

// UntoldError says that a look with the caller's rights cannot tell whether the command's user may do something.
type UntoldError struct {
	Step string // "enter the directory /srv"
	User string
}

func (e *UntoldError) Error() string {
	return fmt.Sprintf("cannot tell whether the user %s can %s: the caller has no permission to check", e.User, e.Step)
}

// Ending is how a process ended.
type Ending = proc.Ending

// PID is the child's process id, in this process's PID namespace.
func (p *Process) PID() int { return p.pid }

// Handle is the child's handle, opened while it was held. It is closed with the Process.
func (p *Process) Handle() *proc.Handle { return p.handle }

// Go is Release and Executed.
func (p *Process) Go(files ...*os.File) error {
	if err := p.Release(files...); err != nil {
		return err
	}
	return p.Executed()
}
