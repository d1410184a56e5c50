package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"
)

// conn is a connection to one member, on which one question is asked at a time. See NATS's client protocol.
type conn struct {
	net.Conn
	in    *bufio.Reader
	inbox string
	limit time.Duration
}

func dial(server string, limit time.Duration) (*conn, error) {
	plain, err := net.DialTimeout("tcp", server, limit)
	if err != nil {
		return nil, err
	}
	c := &conn{plain, bufio.NewReader(plain), fmt.Sprintf("_INBOX.%x", rand.Uint64()), limit}
	_ = c.SetDeadline(time.Now().Add(limit))
	_, err = fmt.Fprintf(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\nSUB %s 1\r\nPING\r\n", c.inbox)
	for err == nil {
		var line string
		if line, err = c.in.ReadString('\n'); strings.HasPrefix(line, "PONG") {
			return c, nil
		}
	}
	c.Close()
	return nil, err
}

// request asks one question: the head of its answer, if it has one, and the body.
func (c *conn) request(subject, payload string) (head, body string, err error) {
	_ = c.SetDeadline(time.Now().Add(c.limit))
	if _, err := fmt.Fprintf(c, "PUB %s %s %d\r\n%s\r\n", subject, c.inbox, len(payload), payload); err != nil {
		return "", "", err
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "PING":
			_, err = io.WriteString(c, "PONG\r\n")
		case words[0] == "-ERR":
			err = errors.New(strings.TrimSpace(line))
		case (words[0] == "MSG" || words[0] == "HMSG") && len(words) > 3:
			total, _ := strconv.Atoi(words[len(words)-1])
			text := make([]byte, total+2)
			if _, err = io.ReadFull(c.in, text); err != nil {
				return "", "", err
			}
			if words[0] == "HMSG" {
				n, _ := strconv.Atoi(words[len(words)-2])
				return string(text[:n]), string(text[n:total]), nil
			}
			return "", string(text[:total]), nil
		}
		if err != nil {
			return "", "", err
		}
	}
}

// ask wants an answer of JetStream's API.
func (c *conn) ask(subject, payload string, out any) error {
	head, body, err := c.request(subject, payload)
	if err != nil {
		return err
	}
	if strings.HasPrefix(head, "NATS/1.0 503") {
		return errors.New("no responders")
	}
	var problem struct{ Error *refused }
	if err := json.Unmarshal([]byte(body), &problem); err != nil {
		return err
	}
	if problem.Error != nil {
		return problem.Error
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal([]byte(body), out)
}

type refused struct {
	Code        int
	Description string
}

func (e *refused) Error() string { return fmt.Sprint(e.Code, " ", e.Description) }

// last is the value of a key; "" for none. That there is no such stream is said by the leader of all streams only, on the word of a
// majority: what was in it is lost, which is not the same as a member that cannot tell.
func (c *conn) last(bucket, key string, direct bool) (string, error) {
	subject := "$KV." + bucket + "." + key
	if direct {
		head, body, err := c.request("$JS.API.DIRECT.GET.KV_"+bucket+"."+subject, "")
		switch {
		case err != nil:
			return "", err
		case strings.HasPrefix(head, "NATS/1.0 404"):
			return "", nil
		case !strings.Contains(head, "Nats-Sequence"):
			return "", errors.New(strings.TrimSpace(head))
		}
		return body, nil
	}
	var got struct{ Message struct{ Data string } }
	err := c.ask("$JS.API.STREAM.MSG.GET.KV_"+bucket, fmt.Sprintf("{\"last_by_subj\":%q}", subject), &got)
	if no := (*refused)(nil); errors.As(err, &no) && no.Code == 404 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	b, err := base64.StdEncoding.DecodeString(got.Message.Data)
	return string(b), err
}
