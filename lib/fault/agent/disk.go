package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/fault"
	"pidbox/lib/fault/cut"
	"pidbox/lib/fault/disk"
)

// diskSocket is where the file system over the member's directory hears orders.
func (a *Agent) diskSocket() string { return a.PIDFile + ".disk" }

// ServeDisk serves a directory as config says, and says why not on out if it cannot.
func ServeDisk(config string, out io.Writer) error {
	c, err := disk.ParseConfig(config)
	if err == nil {
		err = disk.Serve(c, out)
	}
	if err != nil {
		fmt.Fprintln(out, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return err
}

// openDisk puts the file system over the directory, or finds that of an agent which was killed. Its error is why there is
// none.
func (a *Agent) openDisk() error {
	switch {
	case a.Dir == "":
		return errors.New("the agent has no directory")
	case !a.Disk:
		return errors.New("the agent was started without --disk")
	}
	info, err := os.Stat(a.Dir)
	if err != nil {
		if err = disk.Revive(a.Dir); err == nil {
			info, err = os.Stat(a.Dir)
		}
	}
	if err != nil {
		return err
	}
	for _, path := range append(a.Mine, a.PIDFile) {
		if path == "" {
			continue
		}
		if name, err := within(info, path); err != nil || name != "" {
			return errors.Join(err, fmt.Errorf("%s lies in the member's directory, and would be hidden", path))
		}
	}
	if _, err := disk.Ask(a.diskSocket(), disk.Request{Op: "hello"}); err == nil {
		return nil
	}
	err = a.startDisk()
	if err != nil {
		a.Log("no faults of the disk: %v", err)
	}
	return err
}

const diskWait = 10 * time.Second // for a mount

func (a *Agent) startDisk() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := a.Guard
	cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], disk.Variable+"="+disk.Config{Dir: a.Dir, Socket: a.diskSocket(),
		Exempt: []string{logName, archiveName}}.String())
	cmd.Stdout = write
	c, err := child.Start(context.Background(), cmd, child.Spec{Session: true, Orphans: a.orphans})
	write.Close()
	if err != nil {
		return err
	}
	a.help(c.PID(), true)
	limit := time.AfterFunc(diskWait, func() { read.Close() })
	line, err := bufio.NewReader(read).ReadString('\n')
	limit.Stop()
	if line == "ready\n" {
		go a.diskEnds(c)
		return nil
	}
	_ = c.Stop(context.Background(), child.Kill(), nil)
	_, _ = c.Reap()
	a.help(c.PID(), false)
	c.Close()
	if line = strings.TrimSpace(line); line != "" {
		err = errors.New(line)
	}
	return err
}

// diskEnds waits for the process that serves the directory: without it the member sees no files.
func (a *Agent) diskEnds(c *child.Child) {
	_, _ = c.Reap()
	a.help(c.PID(), false)
	c.Close()
	a.order.Lock()
	defer a.order.Unlock()
	if a.closed {
		return
	}
	a.Log("the file system over %s is gone", a.Dir)
	if err := disk.Revive(a.Dir); err != nil {
		a.Log("%v", err)
	}
}

// closeDisk takes the file system away, once the member is stopped.
func (a *Agent) closeDisk() error {
	if a.root != nil {
		a.root.Close()
	}
	if a.unsupported[fault.Power] != "" {
		return nil
	}
	_, err := disk.Ask(a.diskSocket(), disk.Request{Op: "end"})
	return err
}

// settleDisk has what the agent itself has done to the files last.
func (a *Agent) settleDisk() error {
	if a.unsupported[fault.Power] != "" {
		return nil
	}
	_, err := disk.Ask(a.diskSocket(), disk.Request{Op: "sync"})
	return err
}

func (a *Agent) putDisk(id string, s fault.Spec) error {
	if err := disk.Check(s); err != nil {
		return refusal{400, err}
	}
	if why, no := a.unsupported[s.Kind]; no {
		return refuse(501, "%s: %w: %s", s.Kind, cut.ErrUnsupported, why)
	}
	if old := a.fault(id); old != nil && family(old.Kind) != family(s.Kind) {
		return refuse(409, "fault %s is of another kind", id)
	}
	_, err := disk.Ask(a.diskSocket(), disk.Request{Op: "put", ID: id, Spec: s})
	return err
}

// Power kills the member and takes back what it had not synced, as if its machine had lost power.
func (a *Agent) Power(o fault.Order) error {
	if why, no := a.unsupported[fault.Power]; no {
		return refuse(501, "%s: %w: %s", fault.Power, cut.ErrUnsupported, why)
	}
	return a.end(o, at("KILL/5"), fault.Stopped, func() error {
		if err := disk.Flush(a.Dir); err != nil { // what the kernel has of mapped files
			return err
		}
		answer, err := disk.Ask(a.diskSocket(), disk.Request{Op: "power", Tear: o.Tear, Seed: o.Seed})
		a.lose(answer.Lost)
		return err
	})
}

func (a *Agent) lose(l fault.Lost) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = &l
}

// Corrupt stops the member and changes files of it: bits, or the end.
func (a *Agent) Corrupt(o fault.Order) error {
	if a.root == nil {
		return refuse(501, "nothing to corrupt: the agent has no directory")
	}
	if err := disk.CheckCorruption(o); err != nil {
		return refusal{400, err}
	}
	return a.end(o, a.graceful(), fault.Stopped, func() error {
		names, err := a.data()
		if err != nil {
			return err
		}
		lost, err := disk.Corrupt(a.root, names, o)
		a.lose(lost)
		if err == nil && lost.Files == 0 {
			err = refuse(409, "corrupt: no file of the member matches")
		}
		return errors.Join(err, a.settleDisk())
	})
}
