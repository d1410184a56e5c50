//go:build linux

package testscripts

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// listens READY: serves the sockets that sd_listen_fds(3) speaks of, each by a line with its name and this PID, and is
// ready when all are there. It fails where they are not for it.
func listens() {
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		fail(fmt.Errorf("LISTEN_FDS=%s LISTEN_PID=%s for process %d", os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"), os.Getpid()))
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	if len(names) != n {
		fail(fmt.Errorf("%d sockets, and the names %q", n, names))
	}
	for i, name := range names {
		l, err := net.FileListener(os.NewFile(uintptr(3+i), name))
		if err != nil {
			fail(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					fail(err)
				}
				fmt.Fprintf(c, "%s %d\n", name, os.Getpid())
				c.Close()
			}
		}()
	}
	ready(os.Args[1])
	time.Sleep(lifetime)
}

// connect NETWORK ADDRESS: prints what comes, and waits for it while nobody accepts.
func connect() {
	c, err := net.DialTimeout(os.Args[1], os.Args[2], patience)
	if err != nil {
		fail(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(c)
	if err != nil || len(text) == 0 {
		fail(fmt.Errorf("%q: %v", text, err))
	}
	os.Stdout.Write(text)
}
