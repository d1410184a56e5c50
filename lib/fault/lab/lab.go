// Package lab makes the network of a plan on one machine, as root: a network namespace for each member with its addresses, a
// bridge between them in one more namespace, and an agent beside each member. It takes them down again.
//
// The namespaces have names, after the plan's path, so that what a killed lab has left is found and removed by the next one.
// ip(8) and nsenter(1) do the work: they are what a user would type.
package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/child"
	"pidbox/lib/fault/plan"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// Lab is one that is up.
type Lab struct {
	plan   *plan.Plan
	name   string // of the namespace of the bridge; the members' have numbers behind it
	agents []*child.Child
	inputs []*os.File // of agents on other machines: they end when these are closed
	up     bool       // all of these have answered
	made   []string   // files of ours
}

// PlanError is a plan of which no lab can be made.
type PlanError struct{ Reason string }

func (e *PlanError) Error() string { return e.Reason }

// Up makes the lab of a plan. The agents are started by the agent's words, and write to out. Of a failure nothing is left.
func Up(ctx context.Context, path string, p *plan.Plan, agent []string, out *os.File) (_ *Lab, err error) {
	if err := check(p); err != nil {
		return nil, err
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	sum := sha256.Sum256([]byte(path))
	l := &Lab{plan: p, name: fmt.Sprintf("pidbox-lab-%x", sum[:4])}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Down())
		}
	}()
	l.sweep()
	if err := l.network(); err != nil {
		return nil, err
	}
	for i, m := range p.Members {
		if err := l.start(i, m, agent, out); err != nil {
			return nil, fmt.Errorf("agent of %s: %w", m.Name, err)
		}
	}
	return l, l.await(ctx)
}

func check(p *plan.Plan) error {
	for _, m := range p.Members {
		switch {
		case len(m.Command) == 0:
			return &PlanError{fmt.Sprintf("member %s has no command: a lab starts the members", m.Name)}
		case len(m.Addresses) == 0:
			return &PlanError{fmt.Sprintf("member %s has no address", m.Name)}
		case !strings.HasPrefix(m.Agent, "unix:"):
			return &PlanError{fmt.Sprintf("the agent of %s is not at unix:PATH, by which a lab reaches it through every cut", m.Name)}
		}
	}
	return nil
}

// Within is a command that runs where the bridge is: testers and clients of the lab.
func (l *Lab) Within(words []string) []string { return within(l.name, words) }

func within(namespace string, words []string) []string {
	return append([]string{"nsenter", "--net=/run/netns/" + namespace, "--"}, words...)
}

func (l *Lab) member(i int) string { return fmt.Sprintf("%s-%d", l.name, i+1) }

// network makes the namespaces. In the bridge's the last addresses of the members' networks are those of the clients.
func (l *Lab) network() error {
	lines := []string{"ip netns add " + l.name, "ip -n NS link set lo up", "ip -n NS link add br0 type bridge", "ip -n NS link set br0 up"}
	seen := map[netip.Prefix]bool{}
	for i, m := range l.plan.Members {
		ns := l.member(i)
		lines = append(lines, "ip netns add "+ns, "ip -n "+ns+" link set lo up",
			fmt.Sprintf("ip -n NS link add v%d type veth peer name eth0 netns %s", i+1, ns),
			fmt.Sprintf("ip -n NS link set v%d master br0 up", i+1), "ip -n "+ns+" link set eth0 up")
		for _, text := range m.Addresses {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return err
			}
			network, last := around(a)
			lines = append(lines, fmt.Sprintf("ip -n %s addr add %s/%d dev eth0 nodad", ns, a, network.Bits()))
			if !seen[network] {
				seen[network] = true
				lines = append(lines, fmt.Sprintf("ip -n NS addr add %s/%d dev br0 nodad", last, network.Bits()))
			}
		}
	}
	for _, line := range lines {
		words := strings.Fields(strings.ReplaceAll(line, " NS ", " "+l.name+" "))
		if strings.Contains(line, "nodad") && !strings.Contains(line, ":") {
			words = words[:len(words)-1] // of IPv6 only
		}
		if text, err := output(words); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, text)
		}
	}
	return nil
}

// around is the network of an address, of 256 or of 2^64, and an address at its end that no member should have.
func around(a netip.Addr) (netip.Prefix, netip.Addr) {
	bits := 24
	if a.Is6() {
		bits = 64
	}
	net, _ := a.Prefix(bits) // of a length that fits
	b := net.Addr().AsSlice()
	b[len(b)-1] = 254
	if a.Is6() {
		b[len(b)-2] = 255
	}
	last, _ := netip.AddrFromSlice(b)
	return net, last
}

func (l *Lab) start(i int, m plan.Member, agent []string, out *os.File) error {
	socket := strings.TrimPrefix(m.Agent, "unix:")
	words := append(append([]string{}, agent...), "-p", socket+".pid", "--listen", m.Agent)
	if m.Dir != "" {
		if err := os.MkdirAll(m.Dir, 0o755); err != nil {
			return err
		}
		words = append(words, "--dir", m.Dir)
		if m.Disk {
			words = append(words, "--disk")
		}
	}
	token := m.TokenFile
	if token == "" {
		token = l.plan.TokenFile
	}
	if token != "" {
		words = append(words, "--token-file", token)
	}
	words = within(l.member(i), append(append(words, "--start", "--"), m.Command...))
	cmd := spawn.Command{Args: words, Env: os.Environ(), Stdout: out, Stderr: out}
	var err error
	if cmd.Path, err = spawn.LookPath(words[0], os.Getenv("PATH"), ""); err != nil {
		return err
	}
	c, err := child.Start(context.Background(), cmd, child.Spec{Session: true})
	if err == nil {
		l.agents = append(l.agents, c)
	}
	return err
}

// await waits until each agent listens.
func (l *Lab) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for i, m := range l.plan.Members {
		for !answers(ctx, strings.TrimPrefix(m.Agent, "unix:")) {
			select {
			case <-l.agents[i].Done():
				return fmt.Errorf("the agent of %s has exited", m.Name)
			case <-ctx.Done():
				if err := l.exited(); err != nil { // says more
					return err
				}
				return fmt.Errorf("the agent of %s: %w", m.Name, context.Cause(ctx))
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// exited names an agent that has, of those that were started; nil for none.
func (l *Lab) exited() error {
	for i, a := range l.agents {
		select {
		case <-a.Done():
			return fmt.Errorf("the agent of %s has exited", l.plan.Members[i].Name)
		default:
		}
	}
	return nil
}

// answers says that an agent does: a socket that is forwarded takes connections before there is one behind it.
func answers(ctx context.Context, socket string) bool {
	c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "GET /v1/status HTTP/1.0\r\n\r\n"); err != nil {
		return false
	}
	n, _ := c.Read(make([]byte, 1))
	return n > 0
}

// Down stops the agents, and the members with them, and removes the namespaces.
func (l *Lab) Down() error {
	var errs []error
	for _, f := range l.inputs {
		f.Close()
	}
	for i, c := range l.agents {
		if len(l.inputs) > 0 {
			patience := 5 * time.Second // for one that may not even be connected; its end is that of its input, too
			if l.up {
				patience = time.Minute
			}
			select {
			case <-c.Done():
			case <-time.After(patience):
			}
		}
		schedule, _ := signals.ParseSchedule("TERM/60/KILL/5")
		errs = append(errs, c.Stop(context.Background(), schedule, nil))
		if end, err := c.Reap(); err == nil && (end.Code != 0 || end.Signal != 0 && end.Signal != syscall.SIGTERM) {
			errs = append(errs, fmt.Errorf("agent of %s: %s", l.plan.Members[i].Name, end))
		}
		c.Close()
	}
	l.agents, l.inputs = nil, nil
	for _, path := range l.made {
		_ = os.Remove(path)
	}
	if l.name != "" {
		l.sweep()
	}
	return errors.Join(errs...)
}

// sweep removes the namespaces, as far as there are any.
func (l *Lab) sweep() {
	for i := range l.plan.Members {
		_, _ = output([]string{"ip", "netns", "del", l.member(i)})
	}
	_, _ = output([]string{"ip", "netns", "del", l.name})
}

// output runs a command to its end and returns what it printed.
func output(words []string) (string, error) {
	path, err := spawn.LookPath(words[0], os.Getenv("PATH"), "")
	if err != nil {
		return "", err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer read.Close()
	c, err := child.Start(context.Background(), spawn.Command{Path: path, Args: words, Env: os.Environ(), Stdout: write, Stderr: write},
		child.Spec{})
	write.Close()
	if err != nil {
		return "", err
	}
	defer c.Close()
	text, _ := io.ReadAll(io.LimitReader(read, 4096))
	end, err := c.Reap()
	if err == nil && (end.Code != 0 || end.Signal != 0) {
		err = errors.New(end.String())
	}
	return strings.TrimSpace(string(text)), err
}

// Run runs a command in the lab, on this process's own streams, until it ends, or ctx does, and says how it ended.
func (l *Lab) Run(ctx context.Context, words []string) (spawn.Ending, error) {
	if l.name != "" {
		words = l.Within(words)
	}
	path, err := spawn.LookPath(words[0], os.Getenv("PATH"), "")
	if err != nil {
		return spawn.Ending{}, err
	}
	var streams [3]*os.File
	for i := range streams {
		fd, err := syscall.Dup(i)
		if err != nil {
			return spawn.Ending{}, err
		}
		syscall.CloseOnExec(fd)
		streams[i] = os.NewFile(uintptr(fd), "")
		defer streams[i].Close()
	}
	c, err := child.Start(context.Background(), spawn.Command{Path: path, Args: words, Env: os.Environ(),
		Stdin: streams[0], Stdout: streams[1], Stderr: streams[2]}, child.Spec{})
	if err != nil {
		return spawn.Ending{}, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Signal(syscall.SIGTERM) })
	defer stop()
	return c.Reap()
}
