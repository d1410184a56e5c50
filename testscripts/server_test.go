//go:build linux

package testscripts

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// server [OPTION...] ADDRESS [READY]: a web server of its own process, at HOST:PORT or the path of a socket.
//
//	-after D          listens only then
//	-status N[,N...]  answers with these, one after another, then with the last for ever (200)
//	-cert F -key F    speaks TLS
//	-tls10            and no TLS later than 1.0
//	-h2c, -h2         speaks HTTP/2 only, without and with TLS
//	-shared           as others do, on the same port (SO_REUSEPORT)
//	-worker           a child of it serves, with the socket of its parent; -orphan: and the parent exits
//	-full             takes no connection from its queue, which is full (sockets)
//	-greet TEXT       sends TEXT and reads lines, in place of HTTP; -reply TEXT: and answers the first with it
//	-closes           closes each connection at once
//	-raw TEXT [-cut D]  answers a request with TEXT, and closes after D
func server() {
	o := &serverOptions{}
	flag.DurationVar(&o.after, "after", 0, "")
	flag.StringVar(&o.status, "status", "200", "")
	flag.StringVar(&o.cert, "cert", "", "")
	flag.StringVar(&o.key, "key", "", "")
	flag.BoolVar(&o.tls10, "tls10", false, "")
	flag.BoolVar(&o.h2c, "h2c", false, "")
	flag.BoolVar(&o.h2, "h2", false, "")
	flag.BoolVar(&o.shared, "shared", false, "")
	flag.BoolVar(&o.worker, "worker", false, "")
	flag.BoolVar(&o.orphan, "orphan", false, "")
	flag.BoolVar(&o.full, "full", false, "")
	flag.StringVar(&o.greet, "greet", "", "")
	flag.StringVar(&o.reply, "reply", "", "")
	flag.BoolVar(&o.closes, "closes", false, "")
	flag.StringVar(&o.raw, "raw", "", "")
	flag.DurationVar(&o.cut, "cut", 0, "")
	flag.Parse()
	time.Sleep(o.after)
	l, err := o.listen(flag.Arg(0))
	if err != nil {
		fail(err)
	}
	if o.worker || o.orphan {
		o.delegate(l)
	}
	if o.full {
		fill(flag.Arg(0))
		ready(flag.Arg(1))
		wait(lifetime, "")
		os.Exit(0)
	}
	ready(flag.Arg(1))
	go o.serve(l)
	wait(lifetime, "")
}

type serverOptions struct {
	after, cut                                           time.Duration
	status, cert, key, greet, reply, raw                 string
	tls10, h2c, h2, shared, worker, orphan, full, closes bool
}

func (o *serverOptions) listen(address string) (net.Listener, error) {
	if os.Getenv("SERVER_FD") != "" {
		return net.FileListener(os.NewFile(3, "inherited"))
	}
	network := "tcp"
	if strings.Contains(address, "/") || !strings.Contains(address, ":") {
		network = "unix"
	}
	if o.full {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{Name: address})
		}
		if err == nil {
			err = unix.Listen(fd, 0)
		}
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if o.shared {
			c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		}
		return err
	}}
	return config.Listen(context.Background(), network, address)
}

// fill connects until the queue takes no more; the connections stay.
func fill(path string) {
	for {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		}
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil:
			fail(err)
		}
	}
}

// delegate has a child serve the socket.
func (o *serverOptions) delegate(l net.Listener) {
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		fail(err)
	}
	var args []string
	for _, a := range os.Args[1:] {
		if a != "-worker" && a != "-orphan" {
			args = append(args, a)
		}
	}
	child := exec.Command("server", args...)
	child.Env = append(os.Environ(), "SERVER_FD=3")
	child.ExtraFiles = []*os.File{f}
	runtime.LockOSThread() // by whose end the child's is meant
	if !o.orphan {
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	if err := child.Start(); err != nil {
		fail(err)
	}
	if o.orphan {
		os.Exit(0)
	}
	f.Close()
	l.Close() // it is the child's alone
	child.Wait()
	os.Exit(0)
}

func (o *serverOptions) serve(l net.Listener) {
	if o.greet != "" || o.closes || o.raw != "" {
		for {
			conn, err := l.Accept()
			if err != nil {
				fail(err)
			}
			go o.talk(conn)
		}
	}
	var served atomic.Int64
	answers := strings.Split(o.status, ",")
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Protocols: new(http.Protocols),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(answers[min(int(served.Add(1)), len(answers))-1])
			w.WriteHeader(n)
			fmt.Fprintln(w, r.Proto)
		})}
	s.Protocols.SetHTTP1(!o.h2c && !o.h2)
	s.Protocols.SetHTTP2(o.cert != "" && !o.tls10) // which is not to be had by it
	s.Protocols.SetUnencryptedHTTP2(o.h2c)
	if o.tls10 {
		s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}
	}
	if o.cert != "" {
		fail(s.ServeTLS(l, o.cert, o.key))
	}
	fail(s.Serve(l))
}

func (o *serverOptions) talk(c net.Conn) {
	defer c.Close()
	text := strings.NewReplacer(`\r`, "\r", `\n`, "\n")
	lines := bufio.NewReader(c)
	switch {
	case o.closes:
	case o.raw != "":
		if _, err := http.ReadRequest(lines); err == nil {
			io.WriteString(c, text.Replace(o.raw))
			time.Sleep(o.cut)
		}
	default:
		io.WriteString(c, text.Replace(o.greet))
		if _, err := lines.ReadString('\n'); err == nil {
			io.WriteString(c, text.Replace(o.reply))
		}
		io.Copy(io.Discard, lines)
	}
}

// freeport NAME...: sets each $NAME to a freeAddress, and $NAME_PORT to its port.
func freeport(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "freeport name...")
	for _, name := range args {
		address := freeAddress()
		_, port, _ := strings.Cut(address, ":")
		ts.Setenv(name, address)
		ts.Setenv(name+"_PORT", port)
	}
}

// freeAddress is an address on loopback at which nobody listens, and that no other test gets.
func freeAddress() string {
	for {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.N(12000))) // below those that the kernel gives
		if _, taken := ports.LoadOrStore(address, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
}

var ports sync.Map

// hostport NAME URL: sets $NAME to the HOST:PORT of a URL.
func hostport(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "hostport name url")
	_, rest, _ := strings.Cut(args[1], "://")
	rest, _, _ = strings.Cut(rest, "/")
	ts.Setenv(args[0], rest)
}
