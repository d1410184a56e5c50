package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// member is one member of etcd, asked by gRPC. Its calls share a connection.
type member struct {
	url    string
	client *http.Client
}

func open(url string, limit time.Duration) member {
	var two http.Protocols
	two.SetUnencryptedHTTP2(true)
	return member{url, &http.Client{Timeout: limit, Transport: &http.Transport{Protocols: &two, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: limit / 2}).DialContext}}}
}

// errRefused is an answer from which it is certain that nothing was done.
type errRefused struct{ text string }

func (e errRefused) Error() string { return e.text }

// call asks for a method of etcd's, for example KV/Put, and returns its answer.
func (m member) call(ctx context.Context, method string, in message) (message, error) {
	framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(in))), in...)
	r, err := http.NewRequestWithContext(ctx, "POST", m.url+"/etcdserverpb."+method, bytes.NewReader(framed))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	answer, err := m.client.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errRefused{err.Error()}
	}
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	state := answer.Trailer
	if state.Get("Grpc-Status") == "" {
		state = answer.Header // of an answer that has no message
	}
	if code := state.Get("Grpc-Status"); code != "0" {
		return nil, fmt.Errorf("%s: %s: status %s of gRPC: %s", method, answer.Status, code, state.Get("Grpc-Message"))
	}
	const head = 5
	if len(body) < head || body[0] != 0 || int(binary.BigEndian.Uint32(body[1:])) != len(body)-head {
		return nil, fmt.Errorf("%s: the answer is cut short", method)
	}
	return body[head:], nil
}

// message is one of protobuf's: fields with numbers. Those of etcd's are in its rpc.proto.
type message []byte

func (m message) number(field int, v int64) message {
	if v == 0 {
		return m
	}
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(field)<<3), uint64(v))
}

func (m message) yes(field int, v bool) message {
	if v {
		return m.number(field, 1)
	}
	return m
}

func (m message) text(field int, v string) message {
	m = binary.AppendUvarint(binary.AppendUvarint(m, uint64(field)<<3|2), uint64(len(v)))
	return append(m, v...)
}

func (m message) within(field int, v message) message { return m.text(field, string(v)) }

// each calls do for every field: with its number, or its bytes. What cannot be read ends it.
func (m message) each(do func(field int, n int64, b message)) {
	for len(m) > 0 {
		tag, n := binary.Uvarint(m)
		v, more := binary.Uvarint(m[max(n, 0):])
		if n <= 0 || more <= 0 {
			return
		}
		m = m[n+more:]
		switch tag & 7 {
		case 0:
			do(int(tag>>3), int64(v), nil)
		case 2:
			if v > uint64(len(m)) {
				return
			}
			do(int(tag>>3), 0, m[:v])
			m = m[v:]
		default:
			return
		}
	}
}

// field is the first of a number, as a number and as bytes.
func (m message) field(want int) (n int64, b message) {
	seen := false
	m.each(func(field int, number int64, bytes message) {
		if field == want && !seen {
			seen, n, b = true, number, bytes
		}
	})
	return n, b
}

// revision is that of the header of an answer.
func (m message) revision() int64 {
	_, header := m.field(1)
	n, _ := header.field(3)
	return n
}

// ranged is a RangeRequest: of one key, or up to end.
func ranged(key, end string, revision int64, serializable, keysOnly bool) message {
	m := message{}.text(1, key)
	if end != "" {
		m = m.text(2, end)
	}
	return m.number(4, revision).yes(7, serializable).yes(8, keysOnly)
}

// get reads a key; "" for none. The values of the load are followed by blanks, the large ones by many.
func (m member) get(ctx context.Context, key string, serializable bool) (string, error) {
	got, err := m.call(ctx, "KV/Range", ranged(key, "", 0, serializable, false))
	if err != nil {
		return "", err
	}
	_, kv := got.field(2)
	_, value := kv.field(5)
	return strings.TrimRight(string(value), " "), nil
}

// prefix is all the keys below one.
func (m member) prefix(ctx context.Context, prefix string) ([]string, error) {
	end := prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
	got, err := m.call(ctx, "KV/Range", ranged(prefix, end, 0, false, true))
	var keys []string
	got.each(func(field int, _ int64, kv message) {
		if field == 2 {
			_, key := kv.field(1)
			keys = append(keys, string(key))
		}
	})
	return keys, err
}

func put(key, value string, lease int64) message {
	return message{}.text(1, key).text(2, value).number(3, lease)
}
