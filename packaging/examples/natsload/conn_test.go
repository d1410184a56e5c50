package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// answers is a member that answers each question so; a head makes it one with headers.
func answers(t *testing.T, head, body string) *conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			words := strings.Fields(line)
			switch {
			case err != nil:
				return
			case len(words) > 0 && words[0] == "PING":
				fmt.Fprint(c, "PONG\r\n")
			case len(words) > 2 && words[0] == "PUB" && head != "":
				fmt.Fprintf(c, "HMSG %s 1 %d %d\r\n%s%s\r\n", words[2], len(head), len(head)+len(body), head, body)
			case len(words) > 2 && words[0] == "PUB":
				fmt.Fprintf(c, "MSG %s 1 %d\r\n%s\r\n", words[2], len(body), body)
			}
		}
	}()
	c, err := dial(l.Addr().String(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// That a key has no value is an answer, and so is that its stream is gone; that nobody answers for it, or something else, is none:
// taken for one it would be a violation that there was not.
func TestLast(t *testing.T) {
	for name, one := range map[string]struct {
		head, body  string
		direct      bool
		value, fail string
	}{
		"a value":          {"", `{"message":{"data":"djE="}}`, false, "v1", ""},
		"no value":         {"", `{"error":{"code":404,"err_code":10037,"description":"no message found"}}`, false, "", ""},
		"no stream":        {"", `{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`, false, "", ""},
		"no leader":        {"", `{"error":{"code":503,"err_code":10008,"description":"not available"}}`, false, "", "503 not available"},
		"nobody":           {"NATS/1.0 503\r\n\r\n", "", false, "", "no responders"},
		"no JSON":          {"", `?`, false, "", "invalid character"},
		"direct":           {"NATS/1.0\r\nNats-Sequence: 3\r\n\r\n", "v2", true, "v2", ""},
		"direct, no value": {"NATS/1.0 404 Message Not Found\r\n\r\n", "", true, "", ""},
		"direct, nobody":   {"NATS/1.0 503\r\n\r\n", "", true, "", "503"},
	} {
		value, err := answers(t, one.head, one.body).last("load", "k", one.direct)
		if value != one.value || (err == nil) != (one.fail == "") || err != nil && !strings.Contains(err.Error(), one.fail) {
			t.Errorf("%s: %q, %v", name, value, err)
		}
	}
}
