package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// gateway is one member of etcd, over HTTP.
type gateway struct {
	url    string
	client *http.Client
}

func open(url string, limit time.Duration) gateway {
	return gateway{url, &http.Client{Timeout: limit, Transport: &http.Transport{MaxIdleConnsPerHost: 64,
		DialContext: (&net.Dialer{Timeout: limit / 2}).DialContext}}}
}

// errRefused is an answer from which it is certain that nothing was done.
type errRefused struct{ text string }

func (e errRefused) Error() string { return e.text }

type object map[string]any

func (g gateway) call(ctx context.Context, path string, in object, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, "POST", g.url+"/v3/"+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	answer, err := g.client.Do(r)
	if err != nil {
		if strings.Contains(err.Error(), "connection refused") {
			return errRefused{err.Error()}
		}
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, bytes.TrimSpace(text))
	}
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	return err
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

type ranged struct {
	KVs []struct{ Key, Value, Lease string }
}

// get reads a key; "" for none. The values of the load are followed by blanks, the large ones by many.
func (g gateway) get(ctx context.Context, key string, serializable bool) (string, error) {
	var got ranged
	err := g.call(ctx, "kv/range", object{"key": b64(key), "serializable": serializable}, &got)
	if err != nil || len(got.KVs) == 0 {
		return "", err
	}
	b, err := base64.StdEncoding.DecodeString(got.KVs[0].Value)
	return strings.TrimRight(string(b), " "), err
}

// prefix are all the keys below one.
func (g gateway) prefix(ctx context.Context, prefix string, keysOnly bool) (ranged, error) {
	var got ranged
	end := prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
	return got, g.call(ctx, "kv/range", object{"key": b64(prefix), "range_end": b64(end), "keys_only": keysOnly}, &got)
}
