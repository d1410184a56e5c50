// Package sockets keeps listening sockets for a command, which has them from its start as systemd's socket activation passes
// them on: sd_listen_fds(3). A client that connects while the command is not there waits for the next one.
//
// A socket that was passed on stays open in the command when we are killed. The next one of us takes it back from there, if
// it is the very socket that was recorded: the kernel numbers sockets, in cookies, and never gives a number twice.
package sockets

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pidbox/lib/listener"
	"pidbox/lib/spawn"
)

// First is the number of the first descriptor that is passed on.
const First = 3

// Most is how many can be.
const Most = 64

// Address is where to listen: "tcp" and HOST:PORT, or "unix" and a path. Name is what the command knows it by.
type Address struct{ Network, Text, Name string }

// Parse reads [NAME=]HOST:PORT, [NAME=]tcp:HOST:PORT, or [NAME=]unix:PATH, where a PATH that begins with a slash can stand
// alone.
func Parse(s string) (Address, error) {
	a := Address{Network: "tcp", Text: s, Name: "unknown"}
	if name, rest, named := strings.Cut(s, "="); named && !strings.ContainsAny(name, "/:[") {
		if name == "" || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return a, fmt.Errorf("%q cannot be the name of a socket", name)
		}
		a.Name, a.Text = name, rest
	}
	if path, is := strings.CutPrefix(a.Text, "unix:"); is || strings.HasPrefix(a.Text, "/") {
		a.Network, a.Text = "unix", path
		if path == "" || strings.HasSuffix(path, "/") {
			return a, fmt.Errorf("%q does not name a socket", path)
		}
		if path[0] == '@' {
			return a, fmt.Errorf("%q is an abstract socket, of which any user could take the name; write ./%s for a file", path, path)
		}
		abs, err := filepath.Abs(path)
		const longest = 107 // bytes of a sockaddr_un's path, less its NUL (unix(7))
		if err == nil && len(abs) > longest {
			return a, fmt.Errorf("the path of the socket, %s, is longer than %d bytes", abs, longest)
		}
		a.Text = abs
		return a, err
	}
	a.Text = strings.TrimPrefix(strings.TrimPrefix(a.Text, "tcp:"), "//")
	host, port, err := net.SplitHostPort(a.Text)
	switch {
	case err == nil:
	case strings.Count(a.Text, ":") > 1 && !strings.Contains(a.Text, "["):
		return a, fmt.Errorf("%q: an IPv6 address is written in brackets, [ADDRESS]:PORT", s)
	case isNumber(a.Text):
		return a, fmt.Errorf("%q is a port alone; write :%[1]s for all addresses, or 127.0.0.1:%[1]s", a.Text)
	default:
		return a, fmt.Errorf("%q is neither HOST:PORT nor unix:PATH", s)
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return a, fmt.Errorf("%q is no port", port)
	}
	if ip, is := listener.Literal(host); is { // 127.1, as other programs take it
		a.Text = net.JoinHostPort(ip.String(), port)
	}
	if host == "*" {
		a.Text = ":" + port
	}
	return a, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// String is the address without its name.
func (a Address) String() string {
	if a.Network == "unix" {
		return "unix:" + a.Text
	}
	return a.Text
}

// Socket is one that listens.
type Socket struct {
	Address
	file   *os.File
	mark   mark
	remove func() // its file; nil for none
}

// mark is what tells a socket from all others: its number in sockfs, by which /proc/PID/fd has it, and its cookie.
type mark struct{ inode, cookie uint64 }

// Set is the sockets of a command, in the order of their descriptors.
type Set []*Socket

// Pass has the command get the sockets.
func (s Set) Pass(cmd *spawn.Command) {
	if len(s) == 0 {
		return
	}
	files := map[int]*os.File{}
	for number, file := range cmd.ExtraFiles {
		files[number] = file
	}
	for i, one := range s {
		files[First+i] = one.file
	}
	cmd.ExtraFiles = files
	s.Announce(cmd)
}

// Announce has the environment of the command tell of the sockets.
func (s Set) Announce(cmd *spawn.Command) {
	var names []string
	for _, one := range s {
		names = append(names, one.Name)
	}
	cmd.Env = spawn.MergeEnv(cmd.Env, []string{"LISTEN_FDS=" + strconv.Itoa(len(s)), "LISTEN_FDNAMES=" + strings.Join(names, ":")})
	cmd.PIDVar = "LISTEN_PID"
}

// Close closes this side of the sockets, and, if they are over, removes those of UNIX.
func (s Set) Close(over bool) {
	for _, one := range s {
		if over && one.remove != nil {
			one.remove()
		}
		one.file.Close()
	}
}

// String is the record that Recorded reads: ADDRESS=INODE:COOKIE, separated by blanks.
func (s Set) String() string {
	var words []string
	for _, one := range s {
		words = append(words, fmt.Sprintf("%s=%d:%d", url.QueryEscape(one.Address.String()), one.mark.inode, one.mark.cookie))
	}
	return strings.Join(words, " ")
}

// Record is the sockets that a command was given, by address.
type Record map[string]mark

// ParseRecord reads what String wrote.
func ParseRecord(text string) (Record, error) {
	r := Record{}
	for word := range strings.FieldsSeq(text) {
		var m mark
		escaped, numbers, found := strings.Cut(word, "=")
		address, err := url.QueryUnescape(escaped)
		if n, scanned := fmt.Sscanf(numbers, "%d:%d", &m.inode, &m.cookie); !found || err != nil || scanned != nil || n != 2 {
			return nil, errors.New("not a record of sockets")
		}
		r[address] = m
	}
	return r, nil
}
