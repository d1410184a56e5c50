//go:build linux

package testscripts

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

// TestListen runs in numbers that take seconds; those of the contract are in listen_servers_test.go.
func TestListen(t *testing.T) {
	listenWhileKilled(t, 20, 200, "listens", "ready")
}

// listenWhileKilled has clients connect, so many a second, to a command under keep-alive --listen while that and keep-alive are
// killed in turn: no client is refused.
func listenWhileKilled(t *testing.T, kills, rate int, command ...string) {
	if !alone(t) {
		return
	}
	dir := t.TempDir()
	address := freeAddress()
	l := &listening{T: t, dir: dir, args: append([]string{"--listen", "web=" + address, "--"}, command...)}
	l.start()
	child := l.serving(0)
	l.answers() // it was on record before its exec, and without keep-alive it would not get to that
	var got counts
	var clients sync.WaitGroup
	over := make(chan struct{})
	room := make(chan struct{}, mostClients)
	clients.Go(func() {
		pace, began := time.NewTicker(5*time.Millisecond), time.Now()
		defer pace.Stop()
		for sent := 0; ; {
			select {
			case <-over:
				return
			case <-pace.C:
				for due := int(time.Since(began).Seconds() * float64(rate)); sent < due; sent++ { // as many as are due, on a busy machine too
					select {
					case room <- struct{}{}:
					case <-over:
						return
					}
					clients.Go(func() {
						got.add(request(address))
						<-room
					})
				}
			}
		}
	})
	began := time.Now()
	for i := range kills {
		if t.Failed() {
			break
		}
		if i%2 == 0 {
			syscall.Kill(child, syscall.SIGKILL)
			child = l.serving(child)
			l.answers()
		} else {
			l.kill()
			l.start()
			l.answers()
		}
		l.until("an answer", func() bool { return request(address) == nil }) // it comes after those of all that wait
	}
	took := time.Since(began)
	close(over)
	clients.Wait()
	l.stop()
	t.Logf("%d kills in %.1f s; %d connections, %.0f a second: %d answered, %d refused, %d broken off (their server was killed), %d not answered in time; the first error: %v",
		kills, took.Seconds(), got.all.Load(), float64(got.all.Load())/took.Seconds(), got.answered.Load(), got.refused.Load(), got.broken.Load(), got.late.Load(), got.first.Load())
	if got.refused.Load() > 0 || got.answered.Load() == 0 {
		t.Error("a client was refused, or none was answered")
	}
}

// mostClients is how many wait for an answer at once, a descriptor each; those that are due wait for one of them. The queue of
// the socket has room for twice as many, also where the server makes it shorter: none has to try again for want of that.
const mostClients = 1000

type counts struct {
	all, answered, refused, broken, late atomic.Int64
	first                                atomic.Value
}

func (c *counts) add(err error) {
	c.all.Add(1)
	var timeout net.Error
	switch {
	case err == nil:
		c.answered.Add(1)
		return
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		c.refused.Add(1)
	case errors.As(err, &timeout) && timeout.Timeout():
		c.late.Add(1)
	default:
		c.broken.Add(1)
	}
	c.first.CompareAndSwap(nil, err.Error())
}

// request makes a connection and a request of its own, to which any answer will do.
func request(address string) error {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	asked, _ := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
	asked.Close = true
	if err := asked.Write(c); err != nil {
		return err
	}
	_, err = bufio.NewReader(c).ReadString('\n')
	return err
}

// listening is a keep-alive with sockets.
type listening struct {
	*testing.T
	dir   string
	args  []string
	cmd   *exec.Cmd
	ended chan struct{}
}

func (l *listening) start() {
	l.Helper()
	args := append([]string{"-p", "x.pid", "--log", "log", "-o", "out", "-e", "out", "--free-restarts", "1000000", "--stop-schedule", "KILL/60"}, l.args...)
	l.cmd = exec.Command("keep-alive", args...)
	l.cmd.Dir = l.dir
	if err := l.cmd.Start(); err != nil {
		l.Fatal(err)
	}
	cmd, ended := l.cmd, make(chan struct{})
	l.ended = ended
	go func() { cmd.Wait(); close(ended) }()
}

func (l *listening) kill() {
	l.cmd.Process.Kill()
	<-l.ended
}

// answers waits until the supervisor has adopted the child, and its sockets.
func (l *listening) answers() {
	l.Helper()
	l.until("--status", func() bool {
		status := exec.Command("keep-alive", "--status", "-p", "x.pid")
		status.Dir = l.dir
		return status.Run() == nil
	})
}

// serving waits for a child that is not the one before.
func (l *listening) serving(before int) (pid int) {
	l.Helper()
	l.until("another child", func() bool {
		var err error
		pid, err = readPID(filepath.Join(l.dir, "x.child.pid"))
		return err == nil && pid != before && lab.Running(pid)
	})
	return pid
}

func (l *listening) until(what string, holds func() bool) {
	l.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			for _, file := range []string{"log", "out"} {
				text, err := os.ReadFile(filepath.Join(l.dir, file))
				what += fmt.Sprintf("\n%s: %v\n%s", file, err, text[max(0, len(text)-2000):])
			}
			l.Fatalf("waited in vain for %s", what)
		}
	}
}

func (l *listening) stop() {
	l.Helper()
	l.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-l.ended:
	case <-time.After(patience):
		l.Fatal("keep-alive does not end")
	}
}
