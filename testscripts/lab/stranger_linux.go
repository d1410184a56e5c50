package lab

import (
	"fmt"
	"os/exec"
	"syscall"
)

// Stranger is a user and a group that have nothing but what a test gives to them.
const Stranger = 65534

// AsStranger has a command run as that user.
func AsStranger(c *exec.Cmd) {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Credential = &syscall.Credential{Uid: Stranger, Gid: Stranger}
}

// LockedByStranger is a process of the stranger that holds an flock of what he may read.
func LockedByStranger(path string) (*Process, error) {
	flock, err := LookPath("flock")
	if err != nil {
		return nil, err
	}
	p, err := Fixture(Plain, AsStranger, func(c *exec.Cmd) {
		c.Path, c.Args = flock, []string{flock, "-n", "-x", "-F", path, "sh", "-c", "echo 1; exec tail -f /dev/null"}
	})
	if err != nil {
		return nil, fmt.Errorf("flock %s: %w", path, err)
	}
	return p, nil
}
