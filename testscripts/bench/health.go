//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// bareProbe is the least that a process can do that waits for a server.
const bareProbe = "a bare probe every 1 ms"

// healthOperations time from the moment that a server becomes healthy, 0.2 to 1.5 s after the tool's start, to the tool's
// return, and the processor time that the waiting took.
func healthOperations() []operation {
	url := func(port string) string { return "http://127.0.0.1:" + port + "/" }
	tools := []struct {
		name, needs string
		quick       bool
		argv        func(l *bench, port string) []string
	}{
		{"wait-healthy", "", false, func(l *bench, port string) []string { return []string{l.applet("wait-healthy"), "--url", url(port)} }},
		{"wait-healthy --interval 10ms", "", true, func(l *bench, port string) []string {
			return []string{l.applet("wait-healthy"), "--interval", "10ms", "--url", url(port)}
		}},
		{bareProbe, "", true, func(l *bench, port string) []string { return []string{l.fixture, "probe", port} }},
		{"curl --retry", "curl", false, func(l *bench, port string) []string {
			return []string{"curl", "-sf", "-o", os.DevNull, "--retry", "20", "--retry-connrefused", "--retry-delay", "1", url(port)}
		}},
		{"wait-for-it", "wait-for-it", false, func(l *bench, port string) []string {
			return []string{"wait-for-it", "-q", "-t", "30", "127.0.0.1:" + port}
		}},
	}
	lag := operation{"lag of a health wait", "ms", "90 ms", 30, nil}
	quick := operation{"lag of a health wait at a quick pace", "ms", "1.5 times the bare probe", 30, nil} // spread over 10 ms: few rounds say little
	cpu := operation{"processor time of a health wait", "ms", "23 ms", 6, nil}
	for _, tool := range tools {
		of := &lag
		if tool.quick {
			of = &quick
		}
		of.contenders = append(of.contenders, contender{tool.name, tool.needs, func(l *bench) (float64, error) {
			late, _, err := health(func(port string) []string { return tool.argv(l, port) })
			return late, err
		}})
		cpu.contenders = append(cpu.contenders, contender{tool.name, tool.needs, func(l *bench) (float64, error) {
			_, used, err := health(func(port string) []string { return tool.argv(l, port) })
			return used, err
		}})
	}
	return []operation{lag, quick, cpu, {"death of the watched process to wait-healthy's return", "ms", "5 ms", 50, []contender{{"wait-healthy -p", "", watched}}}}
}

// comes is when the server does.
func comes() time.Duration { return 200*time.Millisecond + rand.N(1300*time.Millisecond) }

func health(argv func(port string) []string) (lag, used float64, err error) {
	hold, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	address := hold.Addr().String()
	hold.Close() // refused until the server is there
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, 0, err
	}
	words := argv(port)
	cmd := exec.Command(words[0], words[1:]...)
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	time.Sleep(comes())
	listener, err := net.Listen("tcp", address)
	healthy := now()
	if err != nil {
		cmd.Process.Kill()
		return 0, 0, errors.Join(err, cmd.Wait())
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go server.Serve(listener) // ends with Close
	defer server.Close()
	if err := cmd.Wait(); err != nil {
		return 0, 0, err
	}
	late := ms(now() - healthy)
	state := cmd.ProcessState
	return late, float64((state.UserTime() + state.SystemTime()).Microseconds()) / 1000, nil
}

func watched(l *bench) (float64, error) {
	target := exec.Command(l.fixture, "stamp", os.DevNull)
	if err := target.Start(); err != nil {
		return 0, err
	}
	waiter := exec.Command(l.applet("wait-healthy"), "--quiet", "--url", "tcp://127.0.0.1:1", "--pid", strconv.Itoa(target.Process.Pid))
	if err := waiter.Start(); err != nil {
		return 0, err
	}
	time.Sleep(100 * time.Millisecond) // it is waiting by now, or the measured time only grows
	killed := now()
	target.Process.Kill()
	err := waiter.Wait()
	returned := now()
	target.Wait()
	if waiter.ProcessState.ExitCode() != 3 {
		return 0, errors.Join(errors.New("wait-healthy did not notice the death"), err)
	}
	return ms(returned - killed), nil
}
