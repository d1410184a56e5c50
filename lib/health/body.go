//go:build !pidbox_some || pidbox_http

package health

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Bounds of what is read of a body: to match it, to quote its first line, and to let the server finish a small
// answer instead of resetting its connection.
const (
	maxMatch   = 1 << 20
	maxDrain   = 64 << 10
	quoteLimit = 50 * time.Millisecond
)

// judge says why an answer is not the wanted one, and closes its body.
func (c *httpCheck) judge(resp *http.Response, a *attempt) error {
	defer resp.Body.Close()
	switch {
	case a.proxied && resp.StatusCode == http.StatusProxyAuthRequired:
		return unasked(fmt.Sprintf("proxy: status %d", resp.StatusCode), nil)
	case !c.o.Statuses.Has(resp.StatusCode):
		return plain("status %d%s", resp.StatusCode, firstLine(resp.Body))
	case c.o.BodyMatch != nil:
		if err := c.match(resp.Body); err != nil || resp.ContentLength < 0 {
			return err
		}
	}
	return whole(resp)
}

func (c *httpCheck) match(body io.Reader) error {
	quote := &head{}
	r := &trouble{Reader: io.TeeReader(io.LimitReader(body, maxMatch), quote)}
	switch {
	case c.o.BodyMatch.MatchReader(bufio.NewReader(r)):
		return nil
	case r.err != nil:
		return r.err
	}
	return plain("the body does not match%s", quoteLine(string(quote.text)))
}

// whole finds a body that ends too early, however long that takes, if it is not a large one. Where a body lasts until the
// server closes the connection it cannot end too early, and need not end at all.
func whole(resp *http.Response) error {
	if resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && resp.ProtoMajor < 2 {
		return nil
	}
	_, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain))
	return err
}

// firstLine is ": the first line of the body", or the title of a page, or nothing when there is none in time.
func firstLine(body io.ReadCloser) string {
	slow := time.AfterFunc(quoteLimit, func() { body.Close() })
	defer slow.Stop()
	quote := &head{}
	io.Copy(quote, io.LimitReader(body, maxDrain)) // an answer that ends badly has said enough by its status
	return quoteLine(title(string(quote.text)))
}

// title is that of an HTML page, whose first line says little, and any other text unchanged.
func title(s string) string {
	const tag = "<title>"
	i := strings.Index(strings.ToLower(s), tag)
	if i < 0 || i+len(tag) > len(s) {
		return s
	}
	s, _, _ = strings.Cut(s[i+len(tag):], "<")
	return s
}

// trouble remembers a read error, which regexp takes for the end.
type trouble struct {
	io.Reader
	err error
}

func (t *trouble) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}
