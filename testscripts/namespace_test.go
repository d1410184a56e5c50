//go:build linux

package testscripts

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"pidbox/testscripts/lab"
)

var namespaced bool // set once, before any test runs

func inNamespace() bool { return namespaced }

// enterNamespace returns where the tests are to run: in namespaces of their own if these may be had (root), else here.
// They die with their init, which dies with us.
func enterNamespace() {
	if namespaced = lab.Enter(); namespaced || os.Geteuid() != 0 {
		return
	}
	cmd := lab.Again(os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := lab.Run(cmd)
	if errors.Is(err, syscall.EPERM) { // root without CAP_SYS_ADMIN
		fmt.Fprintln(os.Stderr, "no PID namespace to be had:", err)
		return
	}
	if state := cmd.ProcessState; state != nil && state.ExitCode() >= 0 {
		os.Exit(state.ExitCode())
	}
	fail(err)
}

// alone runs the test that calls it, while others go on, in further namespaces where no other test forks: it may reuse
// numbers as it likes. It returns true there, and false where the test has been run and is to return.
func alone(t *testing.T) bool {
	t.Helper()
	if !inNamespace() {
		t.Skip("needs a PID namespace of its own, and this root")
	}
	t.Parallel()
	return lab.InNamespace(t)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "testscripts:", err)
	os.Exit(1)
}
