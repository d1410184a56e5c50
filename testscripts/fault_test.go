//go:build linux

package testscripts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/fault/report"
)

// A short run on a real etcd; the long ones are behind the build tag cluster.
func TestFaultEtcd(t *testing.T) {
	w := newEtcd(t, "")
	cases, _ := w.run(0, "--case", "kill-leader", "-c", w.plan("etcd.yaml"))
	if len(cases) != 1 || cases[0].Recover <= 0 || cases[0].Tries < 1 {
		t.Errorf("kill-leader: %+v", cases)
	}
	cases, _ = w.run(0, "--case", "isolate-leader", "-c", w.plan("etcd.yaml"))
	if len(cases) != 1 || cases[0].Outcome == report.Pass && cases[0].Packets == 0 {
		t.Errorf("isolate-leader: %+v", cases)
	}
}

// world is a network of its own: a bridge at 10.77.0.254, and members with an agent each at 10.77.0.1 to .3.
type world struct {
	*testing.T
	dir     string
	bridge  int   // a process in the namespace of the bridge, where testers and clients run
	members []int // processes in the members' namespaces
	agents  []*exec.Cmd
	command func(member int) []string
	options func(member int) []string // of the agents; nil for none
	env     []string                  // of testers and agents, in addition
}

func newWorld(t *testing.T, tools ...string) *world {
	for _, tool := range append(tools, "ip", "nsenter") {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("network namespaces are for root")
	}
	w := &world{T: t, dir: t.TempDir(), agents: make([]*exec.Cmd, 3)}
	w.bridge = w.namespace()
	for _, line := range []string{"ip link add br0 type bridge", "ip link add v0 type veth peer name v00"} {
		if out, err := w.cmd(w.bridge, strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Skipf("this kernel: %s: %v: %s", line, err, out)
		}
	}
	w.in(w.bridge, "ip addr add 10.77.0.254/24 dev br0")
	w.in(w.bridge, "ip link set br0 up")
	for i := 1; i <= 3; i++ {
		pid := w.namespace()
		w.members = append(w.members, pid)
		w.in(w.bridge, fmt.Sprintf("ip link add v%d type veth peer name eth0 netns %d", i, pid))
		w.in(w.bridge, fmt.Sprintf("ip link set v%d master br0 up", i))
		w.in(pid, fmt.Sprintf("ip addr add 10.77.0.%d/24 dev eth0", i))
		w.in(pid, "ip link set eth0 up")
	}
	return w
}

// namespace is a process in a network namespace of its own, which ends with the test.
func (w *world) namespace() int {
	cmd := exec.Command("sleeper", "-for", "15m")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: 0}
	if err := cmd.Start(); err != nil {
		w.Skipf("no network namespaces here: %v", err)
	}
	w.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	w.in(cmd.Process.Pid, "ip link set lo up")
	return cmd.Process.Pid
}

func (w *world) cmd(pid int, words ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-n", "-t", fmt.Sprint(pid), "--"}, words...)...)
	cmd.Env = append(os.Environ(), w.env...)
	return cmd
}

func (w *world) in(pid int, line string) {
	w.Helper()
	if out, err := w.cmd(pid, strings.Fields(line)...).CombinedOutput(); err != nil {
		w.Fatalf("%s: %v: %s", line, err, out)
	}
}

func (w *world) path(name string, member int) string {
	return fmt.Sprintf("%s/m%d%s", w.dir, member, name)
}

// agent starts the agent of a member and waits until it listens.
func (w *world) agent(member int) {
	w.Helper()
	words := []string{"fault-agent", "-p", w.path(".pid", member), "--listen", "unix:" + w.path(".sock", member), "--dir", w.path("", member)}
	if w.options != nil {
		words = append(words, w.options(member)...)
	}
	cmd := w.cmd(w.members[member-1], append(append(words, "--"), w.command(member)...)...)
	log, err := os.OpenFile(w.path(".agent", member), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		w.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := os.MkdirAll(w.path("", member), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.agents[member-1] = cmd
	w.until("agent listens", func() bool {
		status, _ := applet("fault-tester", "do", "-c", w.alone(member), "start", fmt.Sprintf("m%d", member))
		return status == 0
	})
}

// alone is a plan of one member only, for looking after it.
func (w *world) alone(member int) string {
	file := w.path(".yaml", member)
	text := fmt.Sprintf("members: [{name: m%d, agent: \"unix:%s\", health: \"tcp://10.77.0.%d:1\"}]\ncases: [{fault: none}]\n", member, w.path(".sock", member), member)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
	return file
}

func (w *world) start(command func(member int) []string) {
	w.Helper()
	w.command = command
	w.Cleanup(func() {
		for i, a := range w.agents {
			if a == nil {
				continue
			}
			a.Process.Signal(syscall.SIGTERM)
			if err := a.Wait(); err != nil && a.ProcessState.ExitCode() != -1 {
				w.Errorf("agent %d: %v", i+1, err)
			}
			if w.Failed() {
				said, _ := os.ReadFile(w.path(".agent", i+1))
				log, _ := os.ReadFile(w.path("/member.log", i+1))
				w.Logf("agent %d said: %s\nits member's last words: %s", i+1, said, log[max(0, len(log)-1500):])
			}
		}
	})
	for i := range w.members {
		w.agent(i + 1)
	}
}

// newEtcd is an etcd of three, each in a network namespace of its own, as the example wants it; the programs are those in dir,
// or those that are installed.
func newEtcd(t *testing.T, dir string) *world {
	tools := []string{"etcd", "etcdctl", "awk"}
	if dir != "" {
		tools = tools[2:]
	}
	w := newWorld(t, tools...)
	build := exec.Command("go", "build", "-o", filepath.Join(w.dir, "bin", "etcdload"), "../packaging/examples/etcdload")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	script, err := filepath.Abs("../packaging/examples/etcd-member")
	if err != nil {
		t.Fatal(err)
	}
	w.env = []string{"GOMAXPROCS=1", "PATH=" + dir + ":" + filepath.Join(w.dir, "bin") + ":" + os.Getenv("PATH")}
	w.options = func(int) []string {
		return []string{"--variant", "rejoin=ETCD_INITIAL_CLUSTER_STATE=existing", "--variant", "restored=RESTORE=" + w.dir + "/snapshot"}
	}
	w.start(func(i int) []string { return []string{script, fmt.Sprint(i), w.path("/data", i)} })
	return w
}

// plan is an example of the package, for this world, with replacements.
func (w *world) plan(name string, replace ...string) string {
	w.Helper()
	text, err := os.ReadFile("../packaging/examples/" + name)
	if err != nil {
		w.Fatal(err)
	}
	changed := strings.NewReplacer(append([]string{"/run/fault", w.dir}, replace...)...).Replace(string(text))
	file := filepath.Join(w.dir, name)
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		w.Fatal(err)
	}
	return file
}

// run runs fault-tester and returns the cases as it reports them, and what it said.
func (w *world) run(want int, args ...string) (cases []report.Case, said string) {
	w.Helper()
	cmd := w.cmd(w.bridge, append([]string{"fault-tester", "run", "--json"}, args...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != want {
		w.Fatalf("fault-tester run %q: status %d, want %d\n%s", args, got, want, errs.String())
	}
	w.Logf("%s", errs.String())
	for d := json.NewDecoder(strings.NewReader(out.String())); d.More(); {
		var c report.Case
		if err := d.Decode(&c); err != nil {
			w.Fatal(err)
		}
		if c.Name != "" {
			cases = append(cases, c)
		}
	}
	return slices.DeleteFunc(cases, func(c report.Case) bool { return c.Outcome == "" }), errs.String()
}

func (w *world) until(what string, ok func() bool) {
	w.Helper()
	for began := time.Now(); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > patience {
			w.Fatalf("%s: waited %v in vain", what, patience)
		}
	}
}

// unixRequest speaks HTTP through a UNIX socket.
func unixRequest(socket, method, path, body string) ([]byte, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
	request, err := http.NewRequest(method, "http://agent"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return text, err
}
