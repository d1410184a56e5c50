package run

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"pidbox/lib/fault"
)

// log asks for a member's log from a byte on, or, without a place for it, for its length alone. An agent that has none, or that
// is too old to know, is no failure: 0, and nothing is written.
func (c *client) log(ctx context.Context, from int64, to io.Writer) (size int64) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	query := fmt.Sprintf("%s/v1/log?from=%d", c.base, from)
	if to == nil {
		query += "&size=1"
	}
	r, err := http.NewRequestWithContext(ctx, "GET", query, nil)
	if err != nil {
		return 0
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	size, err = strconv.ParseInt(answer.Header.Get(fault.LogSize), 10, 64)
	if err != nil || answer.StatusCode != http.StatusOK {
		return 0
	}
	if to != nil {
		_, _ = io.Copy(to, io.LimitReader(answer.Body, fault.LogLimit))
	}
	return size
}

// markLogs notes how long the members' logs are, and keepLogs keeps what has come since: what was written in the case's time.
func (t *trial) markLogs(ctx context.Context) {
	t.logged = map[string]int64{}
	for _, n := range t.names() {
		t.logged[n] = t.clients[n].log(ctx, 0, nil)
	}
}

func (t *trial) keepLogs(ctx context.Context) {
	for _, n := range t.names() {
		path := filepath.Join(t.scratch, n+".member.log")
		f, err := os.Create(path)
		if err != nil {
			t.options.Step(fmt.Sprintf("%s: evidence: %v", t.Name, err))
			return
		}
		size := t.clients[n].log(ctx, t.logged[n], f)
		f.Close()
		if size == 0 {
			_ = os.Remove(path)
		}
	}
}
