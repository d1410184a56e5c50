//go:build linux

package testscripts

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
)

// Whatever COMMAND exits with is what pid-bound exits with, by which scope it may be; and by what signal it is killed, by
// that pid-bound is.
func TestBoundEndings(t *testing.T) {
	scopes := boundScopes(t)
	end := func(scope, script string) syscall.WaitStatus {
		cmd := exec.Command("pid-bound", "--scope", scope, "sh", "-c", script)
		out, err := cmd.CombinedOutput()
		if len(out) > 0 || cmd.ProcessState == nil {
			t.Errorf("%s, %s: %s, %v", scope, script, out, err)
		}
		return cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
	for code := range 256 {
		scope := scopes[code%len(scopes)]
		if got := end(scope, fmt.Sprintf("exit %d", code)); got.ExitStatus() != code {
			t.Errorf("%s: exit status %d, want %d", scope, got.ExitStatus(), code)
		}
	}
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		switch sig {
		case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGSTOP, syscall.SIGTSTP,
			syscall.SIGTTIN, syscall.SIGTTOU: // none that kills
			continue
		case 32, 33: // the C library's own
			continue
		}
		scope := scopes[int(sig)%len(scopes)]
		if got := end(scope, fmt.Sprintf("ulimit -c 0; kill -%d $$", sig)); !got.Signaled() || got.Signal() != sig {
			t.Errorf("%s: %v, want signal %d", scope, got, sig)
		}
	}
}

// boundScopes are those that can be had here.
func boundScopes(t *testing.T) (all []string) {
	if !inNamespace() {
		t.Skip("needs a PID namespace of its own, and this root")
	}
	for _, scope := range []string{"cgroup", "namespace", "tree"} {
		if out, err := exec.Command("pid-bound", "--scope", scope, "true").CombinedOutput(); err == nil {
			all = append(all, scope)
		} else {
			t.Logf("%s", out)
		}
	}
	return all
}
