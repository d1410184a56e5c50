//go:build linux

// Command waits puts wait-healthy and its peers before the same services: one that comes late, one that is ill first, one
// that hangs first, a name with a dead address, a stranger on the port, and a process that dies while it is waited for. It
// prints what each said, how long after the truth, and what processor time that took, and writes that as a page.
//
// usage: waits [-out FILE] PIDBOX     (root, for a network of its own)
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/testscripts/lab"
)

const (
	rounds = 3
	limit  = 8 * time.Second
)

func main() {
	inside := lab.Enter()
	log.SetFlags(0)
	log.SetPrefix("waits: ")
	out := flag.String("out", "", "write the page to `FILE`")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: waits [-out FILE] PIDBOX")
	}
	if !inside {
		cmd := lab.Again(os.Args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := lab.Run(cmd); err != nil {
			log.Fatal(err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "pidbox-waits-")
	if err == nil {
		err = network(dir)
	}
	var page []byte
	if err == nil {
		page, err = measure(flag.Arg(0), dir)
	}
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(page)
	if *out != "" {
		if err := os.WriteFile(*out, page, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// network has another machine at its other end, and a name of two addresses, at one of which nobody is: the first in
// /etc/hosts, and the nearer one for those that order them by RFC 6724, as getaddrinfo(3) does.
func network(dir string) error {
	hosts := filepath.Join(dir, "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n10.9.9.3 two\n"+far+" two\n"), 0o644); err != nil {
		return err
	}
	if err := each("mount --bind "+hosts+" /etc/hosts",
		"ip link add d0 type veth peer name d1", "ip addr add 10.9.9.1/24 dev d0", "ip link set d0 up",
		"ip neigh add 10.9.9.3 lladdr 02:00:00:00:00:03 dev d0 nud permanent"); err != nil {
		return err
	}
	return there()(func() error { return each("ip addr add "+far+"/24 dev d1", "ip link set d1 up") })
}

func each(lines ...string) error {
	for _, line := range lines {
		words := strings.Fields(line)
		if said, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, said)
		}
	}
	return nil
}

// tool is one that waits for http://HOST:PORT/, at most for the limit, and for PID where it can.
type tool struct {
	name string
	path string
	argv func(host, port string, pid int) []string
}

func tools(pidbox string) (all []tool, missing []string) {
	seconds := strconv.Itoa(int(limit / time.Second))
	for _, t := range []tool{
		{"wait-healthy", pidbox, func(host, port string, pid int) []string {
			argv := []string{"wait-healthy", "-q", "--timeout", seconds}
			if pid != 0 {
				argv = append(argv, "--pid", strconv.Itoa(pid))
			}
			return append(argv, "http://"+host+":"+port+"/")
		}},
		{"wait4x", "", func(host, port string, _ int) []string {
			return []string{"http", "-q", "-t", seconds + "s", "--expect-status-code", "200", "http://" + host + ":" + port + "/"}
		}},
		{"dockerize", "", func(host, port string, _ int) []string {
			return []string{"-timeout", seconds + "s", "-wait", "http://" + host + ":" + port + "/"}
		}},
		{"wait-for-it", "", func(host, port string, _ int) []string { return []string{"-q", "-t", seconds, host + ":" + port} }},
		{"wait-on", "", func(host, port string, _ int) []string {
			return []string{"-t", seconds + "s", "http-get://" + host + ":" + port + "/"}
		}},
		{"wait-port", "", func(host, port string, _ int) []string {
			return []string{"-t", seconds + "000", "--output", "silent", "http://" + host + ":" + port + "/"}
		}},
		{"curl --retry", "curl", func(host, port string, _ int) []string {
			return []string{"-sf", "-o", os.DevNull, "--retry", "100", "--retry-connrefused", "--retry-delay", "1", "--max-time", seconds,
				"--retry-max-time", seconds, "http://" + host + ":" + port + "/"}
		}},
	} {
		if t.path == "" {
			t.path = t.name
		}
		path, err := exec.LookPath(t.path)
		if err != nil {
			missing = append(missing, t.name)
			continue
		}
		t.path, _ = filepath.Abs(path)
		all = append(all, t)
	}
	return all, missing
}

// outcome is what a tool came to.
type outcome struct {
	status int
	lag    time.Duration // after the truth
	cpu    time.Duration
}

func (t tool) run(s situation) (o outcome, err error) {
	scene, err := s.set()
	if err != nil {
		return o, err
	}
	defer scene.end()
	cmd := exec.Command(t.path, t.argv(scene.host, scene.port, scene.pid)...)
	cmd.Stderr = new(bytes.Buffer)
	if err := cmd.Start(); err != nil {
		return o, err
	}
	truth := make(chan time.Time, 1)
	go func() { truth <- scene.play() }()
	_ = cmd.Wait() // its status is looked at
	ended := time.Now()
	o.status = cmd.ProcessState.ExitCode()
	o.lag = ended.Sub(<-truth)
	o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return o, nil
}

func measure(pidbox, dir string) ([]byte, error) {
	all, missing := tools(pidbox)
	var b bytes.Buffer
	b.WriteString(head)
	for _, s := range situations() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| tool | status | verdict | lag | processor time |\n|---|---|---|---|---|\n", s.name, s.truth)
		for _, t := range all {
			var results []outcome
			for range rounds {
				o, err := t.run(s)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", s.name, t.name, err)
				}
				results = append(results, o)
			}
			b.WriteString(row(t.name, s, results))
		}
	}
	if len(missing) > 0 {
		fmt.Fprintf(&b, "\nNot to be had on this machine: %s. testscripts/waits/peers says where it looks for them.\n", strings.Join(missing, ", "))
	}
	return b.Bytes(), nil
}

func row(name string, s situation, results []outcome) string {
	slices.SortFunc(results, func(a, b outcome) int { return int(a.lag - b.lag) })
	middle := results[len(results)/2]
	verdict, lag := "right", ms(middle.lag)
	switch {
	case slices.ContainsFunc(results, func(o outcome) bool { return (o.status == 0) != s.healthy }):
		verdict, lag = "**wrong**", "-"
	case middle.lag < 0:
		verdict, lag = "**too early**", ms(middle.lag)
	}
	cpu := make([]time.Duration, len(results))
	for i, o := range results {
		cpu[i] = o.cpu
	}
	slices.Sort(cpu)
	return fmt.Sprintf("| %s | %d | %s | %s | %s |\n", name, middle.status, verdict, lag, ms(cpu[len(cpu)/2]))
}

func ms(d time.Duration) string {
	return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
}

const head = `# Waiting for health, beside other tools

What wait-healthy and its peers say of the same services, measured by one command, ` + "`make waits`" + `: medians of three. The
lag is the time from the moment at which it was true, or at which the process died, to the tool's end; each was given 8 s.
` + "Times are of one machine, and only worth something beside each other.\n"
