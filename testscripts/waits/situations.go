//go:build linux

package main

import (
	"net"
	"net/http"
	"os/exec"
	"sync/atomic"
	"time"
)

// situation is a service as it behaves.
type situation struct {
	name, truth string
	healthy     bool // what a tool that is right says in the end
	set         func() (*scene, error)
}

// scene is one run of it: play returns when the truth came about.
type scene struct {
	host, port string
	pid        int
	play       func() time.Time
	end        func()
}

const late = 1200 * time.Millisecond

func situations() []situation {
	return []situation{
		{"refused", "Nobody listens for 1.2 s.", true, refused},
		{"503", "The server says 503 for 1.2 s, and then 200.", true, func() (*scene, error) { return served("127.0.0.1", 503) }},
		{"slow", "The server takes connections and does not answer for 1.2 s; those are never answered, and later ones at once. wait-healthy gives each attempt 5 s (--try-timeout).", true,
			func() (*scene, error) { return served("127.0.0.1", 0) }},
		{"a black hole of two addresses", "The name has two addresses: at the first, in /etc/hosts and for getaddrinfo(3), nobody is, at the second, on another machine, a server.", true,
			func() (*scene, error) { return hole() }},
		{"a stranger on the port", "The process that is waited for never listens; another one answers on its port.", false, stranger},
		{"dies meanwhile", "The process that is waited for dies after 1.2 s, without having listened.", false, dies},
	}
}

func refused() (*scene, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	var status atomic.Int32
	status.Store(http.StatusOK)
	server := &http.Server{Handler: answer(&status)}
	return &scene{host: "127.0.0.1", port: port, end: func() { server.Close() }, play: func() time.Time {
		time.Sleep(late)
		l, err := net.Listen("tcp", address)
		if err == nil {
			go server.Serve(l)
		}
		return time.Now()
	}}, nil
}

// answer says the status. While that is 0 it says nothing, and never will on that connection.
func answer(status *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := int(status.Load())
		if s == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(s)
	})
}

func served(host string, first int32) (*scene, error) {
	var status atomic.Int32
	status.Store(first)
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	server := &http.Server{Handler: answer(&status)}
	go server.Serve(l)
	return &scene{host: host, port: port, end: func() { server.Close() }, play: func() time.Time {
		time.Sleep(late)
		status.Store(200)
		return time.Now()
	}}, nil
}

func hole() (s *scene, err error) {
	err = there()(func() error {
		s, err = served(far, 200)
		return err
	})
	if err == nil {
		s.host, s.play = "two", time.Now
	}
	return s, err
}

// process is one that listens nowhere.
func process() (*exec.Cmd, error) {
	cmd := exec.Command("sleep", "60")
	return cmd, cmd.Start()
}

func stranger() (*scene, error) {
	s, err := served("127.0.0.1", 200)
	if err != nil {
		return nil, err
	}
	cmd, err := process()
	if err != nil {
		return nil, err
	}
	s.pid, s.play = cmd.Process.Pid, time.Now
	end := s.end
	s.end = func() { end(); cmd.Process.Kill(); cmd.Wait() }
	return s, nil
}

func dies() (*scene, error) {
	s, err := refused()
	if err != nil {
		return nil, err
	}
	cmd, err := process()
	if err != nil {
		return nil, err
	}
	s.pid = cmd.Process.Pid
	s.end = func() { cmd.Wait() }
	s.play = func() time.Time {
		time.Sleep(late)
		cmd.Process.Kill()
		return time.Now()
	}
	return s, nil
}
