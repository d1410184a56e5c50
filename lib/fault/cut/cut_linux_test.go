package cut

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/fault"
)

// The tests run in a network namespace of their own, with a member at 10.9.0.1 (this process) and its peer at
// 10.9.0.2, an echo server in another namespace: packets that never leave loopback pass too many hooks.
func TestMain(m *testing.M) {
	switch os.Getenv("PIDBOX_CUT_TEST") {
	case "":
		os.Exit(isolate())
	case "peer":
		echo()
	}
	os.Exit(m.Run())
}

func isolate() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), "PIDBOX_CUT_TEST=member")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Println("no network namespace here, nothing tested:", err)
	}
	return 0
}

// echo serves UDP on port 7 until its input ends.
func echo() {
	c, err := net.ListenPacket("udp", ":7")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	buf := make([]byte, 64)
	for {
		n, from, err := c.ReadFrom(buf)
		if err == nil {
			_, _ = c.WriteTo(buf[:n], from)
		}
	}
}

func run(t *testing.T, line string) {
	t.Helper()
	args := strings.Fields(line)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v: %s", line, err, out)
	}
}

// Waits for an answer: short where there should be none, long where there should.
const (
	short = 300 * time.Millisecond
	long  = 20 * time.Second
)

// world makes the peer and returns a function that sends n packets to it and counts the answers, as long as each comes
// within a time.
func world(t *testing.T) (ping func(n int, within time.Duration) int) {
	peer := exec.Command("/proc/self/exe")
	peer.Env = append(os.Environ(), "PIDBOX_CUT_TEST=peer")
	peer.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, _ := peer.StdinPipe()
	out, _ := peer.StdoutPipe()
	if err := peer.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { in.Close(); _ = peer.Wait(); _ = exec.Command("ip", "link", "del", "m0").Run() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	pid := peer.Process.Pid
	run(t, fmt.Sprintf("ip link add m0 type veth peer name p0 netns %d", pid))
	run(t, "ip addr add 10.9.0.1/24 dev m0")
	run(t, "ip -6 addr add fd09::1/64 dev m0 nodad")
	run(t, "ip link set m0 up")
	run(t, fmt.Sprintf("nsenter -n -t %d ip addr add 10.9.0.2/24 dev p0", pid))
	run(t, fmt.Sprintf("nsenter -n -t %d ip -6 addr add fd09::2/64 dev p0 nodad", pid))
	run(t, fmt.Sprintf("nsenter -n -t %d ip link set p0 up", pid))
	ping = func(n int, within time.Duration) int { return pingTo(t, "10.9.0.2:7", n, within) }
	until(t, "the peer answers", func() bool { return ping(1, short) == 1 && pingTo(t, "[fd09::2]:7", 1, short) == 1 })
	return ping
}

func pingTo(t *testing.T, to string, n int, within time.Duration) (answers int) {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		for range n {
			_, _ = c.Write([]byte("x"))
		}
	}()
	buf := make([]byte, 8)
	for answers < n {
		_ = c.SetReadDeadline(time.Now().Add(within))
		if _, err := c.Read(buf); err != nil {
			break
		}
		answers++
	}
	return answers
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("60 s passed and not: %s", what)
		}
	}
}

func rule(t *testing.T, s fault.Spec) Rule {
	t.Helper()
	if s.Peers == nil {
		s.Peers = []string{"10.9.0.2", "fd09::2"}
	}
	if s.Hold == 0 {
		s.Hold = fault.Duration(time.Minute)
	}
	r, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t *testing.T) *Table {
	t.Helper()
	table := Open("pidbox_fault_test", 0, nil)
	if why, no := table.Unsupported()[fault.Drop]; no {
		t.Skip(why)
	}
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

func put(t *testing.T, table *Table, id string, s fault.Spec) {
	t.Helper()
	if err := table.Put(id, rule(t, s)); errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

func TestDrop(t *testing.T) {
	ping := world(t)
	for _, d := range []fault.Direction{"", fault.In, fault.Out} {
		table := open(t)
		put(t, table, "a", fault.Spec{Kind: fault.Drop, Direction: d})
		if n := ping(5, short); n != 0 {
			t.Errorf("direction %q: %d of 5 packets came back", d, n)
		}
		if n := pingTo(t, "[fd09::2]:7", 5, short); n != 0 {
			t.Errorf("direction %q: %d of 5 IPv6 packets came back", d, n)
		}
		if n, bytes, err := table.Count("a"); n < 10 || bytes == 0 || err != nil {
			t.Errorf("direction %q: counted %d packets, %d bytes, error %v", d, n, bytes, err)
		}
		put(t, table, "a", fault.Spec{Kind: fault.Drop, Direction: d}) // again: replaced
		put(t, table, "b", fault.Spec{Kind: fault.Drop, Peers: []string{"10.9.0.9"}})
		if err := table.Remove("a"); err != nil {
			t.Fatal(err)
		}
		if n := ping(5, long); n != 5 {
			t.Errorf("healed, and %d of 5 packets came back", n)
		}
		if err := errors.Join(table.Remove("a"), table.Remove("b"), table.Close(), table.Close()); err != nil {
			t.Error(err)
		}
	}
}

// The kernel heals by itself, and the next process removes what a killed one left.
func TestHeldByTheKernel(t *testing.T) {
	ping := world(t)
	table := open(t)
	begin := time.Now()
	put(t, table, "a", fault.Spec{Kind: fault.Drop, Hold: fault.Duration(time.Second)})
	if n := ping(3, short); n != 0 && time.Since(begin) < time.Second {
		t.Errorf("%d of 3 packets came back", n)
	}
	until(t, "the hold ends", func() bool { return ping(1, short) == 1 })
	if d := time.Since(begin); d < time.Second {
		t.Errorf("healed after %v, before its hold of 1s", d)
	}
	put(t, table, "b", fault.Spec{Kind: fault.Drop})
	next := Open(table.name, 0, nil)
	defer next.Close()
	if n := ping(3, long); n != 3 {
		t.Errorf("after the next Open %d of 3 packets came back", n)
	}
	put(t, next, "b", fault.Spec{Kind: fault.Drop})
}

// A firewall that is loaded anew flushes all tables: a fault is gone then, and can still be healed and be put again.
func TestFlushedByOthers(t *testing.T) {
	ping := world(t)
	table := open(t)
	flush := func() {
		t.Helper()
		if err := table.drop(); err != nil { // as nft flush ruleset does
			t.Fatal(err)
		}
	}
	put(t, table, "a", fault.Spec{Kind: fault.Drop})
	put(t, table, "b", fault.Spec{Kind: fault.Drop})
	flush()
	if n, _, _ := table.Count("a"); n != 0 {
		t.Errorf("counted %d packets of a fault that is gone", n)
	}
	if err := table.Put("a", rule(t, fault.Spec{Kind: fault.Drop})); err != nil {
		t.Fatal(err)
	}
	if n := ping(5, short); n != 0 {
		t.Errorf("put again, and %d of 5 packets came back", n)
	}
	if err := table.Remove("b"); err != nil {
		t.Error(err)
	}
	put(t, table, "a", fault.Spec{Kind: fault.Drop})
	flush()
	if err := table.Remove("a"); err != nil {
		t.Error(err)
	}
	if n := ping(5, long); n != 5 {
		t.Errorf("healed, and %d of 5 packets came back", n)
	}
}

func TestLoss(t *testing.T) {
	ping := world(t)
	table := open(t)
	put(t, table, "a", fault.Spec{Kind: fault.Loss, Percent: 40, Direction: fault.Out})
	// 400 trials at 0.6: 240, and eight deviations are 78
	if n := ping(400, 3*time.Second); n < 160 || n > 320 {
		t.Errorf("%d of 400 came back at a loss of 40 percent", n)
	}
	put(t, table, "a", fault.Spec{Kind: fault.Loss, Percent: 100})
	if n := ping(20, short); n != 0 {
		t.Errorf("%d of 20 came back at a loss of 100 percent", n)
	}
}

func TestRate(t *testing.T) {
	ping := world(t)
	table := open(t)
	put(t, table, "a", fault.Spec{Kind: fault.Rate, Rate: 1000, Direction: fault.Out})
	if n := ping(10, long); n != 10 {
		t.Errorf("%d of 10 small packets came back", n)
	}
	ping(2000, short) // 2000 packets of 29 bytes are above the burst of 16 KiB
	if n, _, err := table.Count("a"); n == 0 || err != nil {
		t.Errorf("dropped %d, error %v", n, err)
	}
}

func TestSlow(t *testing.T) {
	ping := world(t)
	table := open(t)
	put(t, table, "a", fault.Spec{Kind: fault.Slow, Delay: fault.Duration(60 * time.Millisecond),
		Jitter: fault.Duration(10 * time.Millisecond)})
	begin := time.Now()
	if n := ping(10, long); n != 10 {
		t.Errorf("%d of 10 delayed packets came back", n)
	}
	if d := time.Since(begin); d < 50*time.Millisecond {
		t.Errorf("delayed by 50 ms at least, on receipt, and back after %v", d)
	}
	if n, _, err := table.Count("a"); n != 10 || err != nil {
		t.Errorf("counted %d packets, error %v", n, err)
	}
	// bypass: the reader is gone, the rule is not
	table.queues["a"].conn.Close()
	until(t, "packets pass with nobody to hold them", func() bool { return ping(3, short) == 3 })
}

// A connection is reset at once, not left to time out; what is no TCP vanishes.
func TestReset(t *testing.T) {
	ping := world(t)
	run(t, "ip link set lo up") // by which the kernel answers itself
	table := open(t)
	put(t, table, "a", fault.Spec{Kind: fault.Reset, Direction: fault.Out})
	c, err := net.DialTimeout("tcp", "10.9.0.2:9", long)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, %v", c, err)
	}
	if n, _, err := table.Count("a"); n == 0 || err != nil {
		t.Errorf("counted %d packets, error %v", n, err)
	}
	if n := ping(5, short); n != 0 {
		t.Errorf("%d of 5 packets came back", n)
	}
}

// Packets that are reordered all arrive; those that are garbled do not, or not as they were.
func TestReorderAndGarble(t *testing.T) {
	ping := world(t)
	table := open(t)
	put(t, table, "a", fault.Spec{Kind: fault.Reorder, Percent: 50, Delay: fault.Duration(20 * time.Millisecond)})
	if n := ping(40, long); n != 40 {
		t.Errorf("%d of 40 reordered packets came back", n)
	}
	put(t, table, "a", fault.Spec{Kind: fault.Garble, Percent: 100})
	if n := ping(10, short); n != 0 {
		t.Errorf("%d of 10 garbled packets came back whole", n)
	}
	for _, k := range []fault.Kind{fault.Slow, fault.Reorder, fault.Garble, fault.Repeat} {
		if _, err := Parse(fault.Spec{Kind: k, Direction: fault.Out, Percent: 5, Delay: 1, Peers: []string{"10.0.0.1"}, Hold: fault.Duration(time.Second)}); err == nil {
			t.Errorf("%s on the way out is not refused", k)
		}
	}
}

// With IPv6 the neighbours find each other by ICMP, which the agent's port needs too.
func TestOwnPortPassesToNeighbours(t *testing.T) {
	world(t)
	table := Open("pidbox_fault_test", 7, nil)
	defer table.Close()
	put(t, table, "a", fault.Spec{Kind: fault.Drop})
	run(t, "ip -6 neigh flush dev m0")
	c, err := net.DialTimeout("tcp", "[fd09::2]:7", long) // nobody listens, but somebody says so
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, %v", c, err)
	}
}

func TestOwnPortPasses(t *testing.T) {
	run(t, "ip link set lo up")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	table := Open("pidbox_fault_test", uint16(l.Addr().(*net.TCPAddr).Port), nil)
	defer table.Close()
	put(t, table, "a", fault.Spec{Kind: fault.Drop, Peers: []string{"127.0.0.1"}})
	c, err := net.DialTimeout("tcp", l.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatalf("the agent's own port is cut: %v", err)
	}
	c.Close()
	other, err := net.DialTimeout("tcp", "127.0.0.1:1", 200*time.Millisecond)
	if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
		t.Errorf("another port is not cut: %v %v", other, err)
	}
}

// Packets that are repeated come twice, by IPv4 and IPv6, and once again when that is healed. A connection is none the worse.
func TestRepeat(t *testing.T) {
	world(t)
	run(t, "ip link set lo up")
	table := open(t)
	put(t, table, "a", fault.Spec{Kind: fault.Repeat, Percent: 100})
	for _, to := range []string{"10.9.0.2:7", "[fd09::2]:7"} {
		if n := answersTo(t, to, 2); n != 2 {
			t.Errorf("%s: %d answers to one packet", to, n)
		}
	}
	if n, _, err := table.Count("a"); n < 2 || n > 20 || err != nil { // and a few of the neighbours
		t.Errorf("counted %d packets, error %v", n, err)
	}
	if err := table.Remove("a"); err != nil {
		t.Fatal(err)
	}
	if n := answersTo(t, "10.9.0.2:7", 2); n != 1 {
		t.Errorf("healed, and %d answers to one packet", n)
	}
}

// answersTo sends one packet and counts what comes back, up to some: waiting long for the first, and not for more than there may be.
func answersTo(t *testing.T, to string, most int) (n int) {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	wait := long
	for n < most {
		_ = c.SetReadDeadline(time.Now().Add(wait))
		if _, err := c.Read(make([]byte, 8)); err != nil {
			break
		}
		if n++; most > 1 && n == most-1 {
			wait = 2 * time.Second
		}
	}
	return n
}
