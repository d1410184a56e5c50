//go:build linux

package testscripts

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

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

// A round is one command whose descendants do all they can to get away, and one process of ours that is killed.
//
// What is left of it is told by a variable that all inherit; strangers that run beside it are not to be harmed.
type boundRound struct {
	mark     string
	stranger *exec.Cmd
}

func newBoundRound(t *testing.T) *boundRound {
	r := &boundRound{mark: fmt.Sprintf("%s=%s-%d", marker, t.Name(), time.Now().UnixNano())}
	r.stranger = exec.Command("sleep", "600")
	if err := r.stranger.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *boundRound) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), r.mark)
	return cmd
}

// end waits until nothing is left, and sees that the stranger lives.
func (r *boundRound) end(t *testing.T, what string) {
	t.Helper()
	dir := strings.TrimPrefix(r.mark, marker+"=")
	if left := survivors(dir, patience); len(left) > 0 {
		t.Errorf("%s: %d survivors: %q", what, len(left), left)
		kill(dir)
	}
	if !lab.Running(r.stranger.Process.Pid) {
		t.Errorf("%s: the stranger was harmed", what)
	}
	r.stranger.Process.Kill()
	r.stranger.Wait()
}

// SIGKILL of pid-bound, or of the first process that it forks, at each of its system calls leaves nothing: on the way there,
// while COMMAND runs, and on the way out. In a short run it is every so manieth call, another one each time.
func TestBoundKilledAtEachCall(t *testing.T) {
	all := os.Getenv("BOUND_ALL") != ""
	for _, scope := range boundScopes(t) {
		for _, who := range []string{"-child=false", "-child=true"} {
			t.Run(scope+who, func(t *testing.T) {
				stride := 401
				switch {
				case all:
					stride = 1
				case who == "-child=true" && scope != "tree": // a keeper makes few calls
					stride = 11
				}
				calls, n := 0, 1+rand.IntN(stride)
				for ; ; n += stride {
					r := newBoundRound(t)
					out, err := r.command("killat", who, fmt.Sprint(n), "pid-bound", "--scope", scope, "--grace", "0.01", "sh", "-c",
						"setsid sh -c 'setsid sleep 300 & sleep 300' & (nohup sleep 300 >/dev/null 2>&1 &); sleep 0.02").CombinedOutput()
					status, failed := exitStatus(err)
					r.end(t, fmt.Sprintf("call %d", n))
					if failed != nil || status > 1 {
						t.Fatalf("call %d: status %d, %v: %s", n, status, failed, out)
					}
					if status == 1 {
						break
					}
					calls++
				}
				t.Logf("killed at %d of %d calls", calls, n)
			})
		}
	}
}

// Descendants that fork for all they are worth, and die or stay, in sessions of their own and without one, do not outlive
// SIGKILL of any process of ours at any moment. What is killed is pid-bound, the process beside it, COMMAND, or one of the
// first two and then the other.
func TestBoundStorm(t *testing.T) {
	rounds := 5
	if n, err := strconv.Atoi(os.Getenv("BOUND_ROUNDS")); err == nil {
		rounds = n
	}
	storm := filepath.Join(t.TempDir(), "storm")
	if err := os.WriteFile(storm, []byte("f() { f & }; f & f &\nsetsid sh -c 'f() { f & }; f' &\n"+
		"i=0; while [ $i -lt 50 ]; do (setsid sleep 300 &); sleep 300 & i=$((i+1)); done; wait\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, scope := range boundScopes(t) {
		t.Run(scope, func(t *testing.T) {
			killed := map[string]int{}
			for range rounds {
				r := newBoundRound(t)
				cmd := r.command("pid-bound", "--scope", scope, "--grace", "0.01", "-q", "sh", storm)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rand.IntN(120_000)) * time.Microsecond)
				beside := besides(cmd.Process.Pid)
				what := []string{"pid-bound", "beside", "command"}[rand.IntN(3)]
				switch {
				case what == "pid-bound":
					cmd.Process.Kill()
				case beside[what] != 0:
					syscall.Kill(beside[what], syscall.SIGKILL)
					if scope == "cgroup" && what == "beside" { // it is replaced
						time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
						if command := besides(cmd.Process.Pid)["command"]; command != 0 { // 0 is our own group
							syscall.Kill(command, syscall.SIGKILL)
						}
					}
				default:
					what = "too early"
					cmd.Process.Kill()
				}
				killed[what]++
				// As orphans come to pid-bound, what was taken for COMMAND may have been one of those. A keeper is replaced first:
				// together the two may be killed by nobody (see the page).
				late := time.AfterFunc(2*time.Second, func() {
					for end := time.Now().Add(patience); scope == "cgroup" && time.Now().Before(end); time.Sleep(time.Millisecond) {
						if keeper := besides(cmd.Process.Pid)["beside"]; keeper != 0 && (what == "pid-bound" || keeper != beside["beside"]) {
							break
						}
					}
					cmd.Process.Kill()
				})
				cmd.Wait()
				late.Stop()
				r.end(t, what)
			}
			t.Log(killed)
		})
	}
}

// besides are the children of pid-bound: COMMAND, and what is beside it.
func besides(pid int) map[string]int {
	found := map[string]int{}
	for _, child := range childrenOf(pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
		switch name := strings.TrimSpace(string(text)); {
		case strings.HasPrefix(name, "pid-bound"), name == "exe":
			found["beside"] = child
		case name == "sh" && found["command"] == 0:
			found["command"] = child
		}
	}
	return found
}
