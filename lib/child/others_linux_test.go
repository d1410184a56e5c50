package child

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"pidbox/lib/cgroup"
	"pidbox/lib/pidfile"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
	"pidbox/testscripts/lab"
)

const stranger = 54321

// claimed is a pidfile that names a process by a claim.
func claimed(t *testing.T, p *lab.Process) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.pid")
	h, err := proc.Open(p.PID)
	try(t, err)
	defer h.Close()
	r, err := pidfile.Claim(t.Context(), file, h, pidfile.Rules{}, 0, 0)
	try(t, err)
	r.Close()
	return file
}

func adopted(t *testing.T, s Spec) *Child {
	t.Helper()
	c, err := Adopt(t.Context(), s)
	try(t, err)
	if c == nil {
		t.Fatal("nothing to adopt")
	}
	t.Cleanup(c.Close)
	return c
}

// A process that may be another is told, and neither adopted nor passed over.
func TestDoubtIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pid")
	try(t, os.WriteFile(file, []byte("1\n"), 0o644))
	var doubt *pidfile.DoubtError
	if h, err := Find(Spec{PIDFile: file}); !errors.As(err, &doubt) {
		t.Fatal(h, err)
	}
	doubt.Holder.Close()
	if c, err := Adopt(t.Context(), Spec{PIDFile: file}); !errors.As(err, &doubt) {
		t.Fatal(c, err)
	}
	doubt.Holder.Close()
}

// Prove is asked before the locks and under them, and what it finds then counts.
func TestProveAndTake(t *testing.T) {
	p := lab.Sleeper(t)
	file := claimed(t, p)
	var asked, taken int
	refuseAt := 0
	s := Spec{
		PIDFile: file,
		Prove: func(h *pidfile.Holder) error {
			if asked++; asked == refuseAt {
				return errEnough
			}
			return nil
		},
		Take: func() error { taken++; return nil },
	}
	for refuseAt = 1; refuseAt <= 2; refuseAt++ {
		asked = 0
		if c, err := Adopt(t.Context(), s); err != errEnough || asked != refuseAt || taken > 0 {
			t.Error(c, err, asked, taken)
		}
	}
	asked, refuseAt = 0, 0
	adopted(t, s)
	if asked != 2 || taken != 1 {
		t.Errorf("asked %d times, taken %d times", asked, taken)
	}
	// A pidfile that is changed meanwhile is looked at again.
	asked, taken = 0, 0
	prove := s.Prove
	s.Prove = func(h *pidfile.Holder) error {
		if asked == 0 {
			try(t, os.Chtimes(file, time.Time{}, time.Now().Add(-time.Minute)))
		}
		return prove(h)
	}
	s.Rules.Unrecorded = pidfile.Running
	adopted(t, s)
	if taken != 1 || asked < 3 {
		t.Errorf("asked %d times, taken %d times", asked, taken)
	}
	// One that has just ended is nobody, whoever finds that.
	gone := fmt.Errorf("process: %w", proc.ErrNotFound)
	s.Prove = func(*pidfile.Holder) error { return gone }
	if c, err := Adopt(t.Context(), s); c != nil || err != nil {
		t.Error(c, err)
	}
	s.Prove = func(*pidfile.Holder) error { return nil }
	s.Take = func() error { p.Kill(); return gone }
	if c, err := Adopt(t.Context(), s); c != nil || err != nil {
		t.Error(c, err)
	}
}

// Of one that was adopted and leads nothing, that process is the scope; of one that has ended, what it left.
func TestScopeOfTheAdopted(t *testing.T) {
	p := lab.Sleeper(t)
	end(t, adopted(t, Spec{PIDFile: claimed(t, p), Scope: proc.Group}))
	for _, scope := range []proc.Scope{proc.Group, proc.Session} {
		leader, workers := lab.Leader(t, 2)
		c := adopted(t, Spec{PIDFile: claimed(t, leader), Scope: scope})
		leader.Kill()
		<-c.Done()
		err := c.Clear()
		if doubt := (*proc.DoubtError)(nil); !pidfds && scope == proc.Session && errors.As(err, &doubt) {
			for _, pid := range workers { // without pidfds nothing proves whose session it is
				try(t, syscall.Kill(pid, syscall.SIGKILL))
			}
			continue
		}
		try(t, err)
		for _, pid := range workers {
			awaitEnd(t, pid)
		}
		_, err = proc.Open(workers[0])
		if lab.Running(workers[0]) {
			t.Errorf("%v: it is left: %v", scope, err)
		}
	}
}

// By a pidfile of its own a user's process is stopped, and no other user's that is in its group or session.
func TestAdoptedByAStrangersWord(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip(err)
	}
	for _, scope := range []proc.Scope{proc.Group, proc.Session} {
		cmd := exec.Command("sh", "-c", `sleep 300 & echo $!
			exec setpriv --reuid 54321 --regid 54321 --clear-groups sh -c 'echo; exec sleep 300'`)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.StdoutPipe()
		try(t, err, cmd.Start())
		var roots int
		lines := bufio.NewReader(out)
		if _, err := fmt.Fscan(lines, &roots); err != nil {
			t.Fatal(err)
		}
		_, _ = lines.ReadString('\n')
		if _, err := lines.ReadString('\n'); err != nil { // it is the stranger now
			t.Fatal(err)
		}
		defer func() { _ = syscall.Kill(roots, syscall.SIGKILL); _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		file := filepath.Join(t.TempDir(), "x.pid")
		try(t, os.WriteFile(file, fmt.Appendln(nil, cmd.Process.Pid), 0o644), os.Chown(file, stranger, stranger))
		c := adopted(t, Spec{PIDFile: file, Scope: scope})
		go cmd.Process.Wait()
		var refused *proc.Refused
		if err := c.Stop(t.Context(), Kill(), nil); !errors.As(err, &refused) || len(refused.Members) != 1 {
			t.Errorf("%v: %v", scope, err)
		}
		if !lab.Running(roots) {
			t.Errorf("%v: root's process was stopped", scope)
		}
	}
}

// A tree has the child's orphans in it, wherever they went: of a process that has no other children.
func TestTree(t *testing.T) {
	if some, err := spawn.Children(); some || err != nil {
		t.Skip("this process has children")
	}
	before := subreaper()
	c, grandchild := withGrandchild(t)
	of(t, c, grandchild, true)
	of(t, c, c.PID(), true)
	if subreaper() != 1 {
		t.Error("orphans go to init")
	}
	try(t, c.Stop(t.Context(), Kill(), nil))
	if lab.Running(grandchild) {
		t.Error("the orphan runs on")
	}
	_, err := c.Reap()
	try(t, err)
	_, _ = syscall.Wait4(grandchild, nil, 0, nil)
	if c.Close(); subreaper() != before {
		t.Error("a subreaper still")
	}
}

// One that has others leaves all orphans to init: they may be those of the others.
func TestTreeBesideOthers(t *testing.T) {
	bereft := exec.Command("sh", "-c", "setsid sleep 300 & echo $!; read -r line") // leaves an orphan, later
	hold, err := bereft.StdinPipe()
	try(t, err)
	out, err := bereft.StdoutPipe()
	try(t, err, bereft.Start())
	var orphan int
	_, err = fmt.Fscan(out, &orphan)
	try(t, err)
	before := subreaper()
	c, grandchild := withGrandchild(t)
	defer func() {
		for _, pid := range []int{orphan, grandchild} {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}()
	hold.Close()
	_ = bereft.Wait()
	of(t, c, orphan, false)
	of(t, c, grandchild, false) // though it is one: nothing shows that
	of(t, c, c.PID(), true)
	if subreaper() != before {
		t.Error("it is a subreaper")
	}
	try(t, c.Stop(t.Context(), Kill(), nil))
	if !lab.Running(orphan) {
		t.Error("another's orphan was stopped")
	}
	_, err = c.Reap()
	try(t, err)
	c.Close()
}

// withGrandchild starts a child, and says who was left by it in a session of its own.
func withGrandchild(t *testing.T) (*Child, int) {
	t.Helper()
	r, w, err := os.Pipe()
	try(t, err)
	cmd := shell("setsid sh -c 'sleep 300 & echo $!'; exec sleep 300")
	cmd.Stdout = w
	c, err := Start(t.Context(), cmd, Spec{Session: true, Scope: proc.Tree})
	try(t, err)
	w.Close()
	var grandchild int
	_, err = fmt.Fscan(r, &grandchild)
	try(t, err)
	for { // until the shell between them, which has told it, has exited
		info, err := c.Handle().Info()
		try(t, err)
		if info.Name == "sleep" {
			return c, grandchild
		}
		time.Sleep(time.Millisecond)
	}
}

// of asks whether a process is the child's.
func of(t *testing.T, c *Child, pid int, want bool) {
	t.Helper()
	h, err := proc.Open(pid)
	try(t, err)
	defer h.Close()
	if ours, err := c.Owns(h); ours != want || err != nil {
		t.Errorf("process %d: owned %v, %v", pid, ours, err)
	}
}

func subreaper() (is int32) {
	_ = unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&is)), 0, 0, 0)
	return is
}

// Of a process that was reaped nothing can be found out.
func TestOwnsNobody(t *testing.T) {
	c := started(t, Spec{Session: true})
	p := lab.Sleeper(t)
	h, err := proc.Open(p.PID)
	try(t, err)
	defer h.Close()
	p.Kill()
	if ours, err := c.Owns(h); ours || !errors.Is(err, proc.ErrNotFound) {
		t.Error(ours, err)
	}
}

// Two sessions that are not known, being outside of this PID namespace, are not one.
func TestUnknownSessions(t *testing.T) {
	if !lab.InNamespace(t) {
		return
	}
	sleeper := lab.Sleeper(t)
	if session, err := unix.Getsid(sleeper.PID); err != nil || session != 0 {
		t.Skip("it is known: ", session, err)
	}
	c := &Child{spec: Spec{Session: true}, identity: proc.Identity{PID: 1 << 30}}
	of(t, c, sleeper.PID, false)
}

// Who succeeds a child has the orphans of that come to this process, as they did, until it is closed itself; and leads what
// is in its control group.
func TestSucceedsInAll(t *testing.T) {
	subreaper := func() bool {
		var is int32
		try(t, unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&is)), 0, 0, 0))
		return is != 0
	}
	if subreaper() {
		t.Skip("this process is one by itself")
	}
	c, err := Start(t.Context(), shell("exec sleep 300"), Spec{Session: true, Scope: proc.Tree})
	try(t, err)
	h, err := proc.Open(lab.Sleeper(t).PID)
	try(t, err)
	next, err := c.Succeed(t.Context(), h)
	try(t, err)
	try(t, c.Signal(unix.SIGKILL))
	_, err = c.Reap()
	try(t, err)
	c.Close()
	if !subreaper() {
		t.Error("orphans go elsewhere")
	}
	before := new(cgroup.Group).Members(next.PID(), h, nil)
	next.members = before
	other, err := proc.Open(lab.Sleeper(t).PID)
	try(t, err)
	try(t, next.Pass(t.Context(), other))
	if next.members == before {
		t.Error("the group has its old leader")
	}
	next.members = nil
	next.Close()
	if subreaper() {
		t.Error("orphans still come here")
	}
}
