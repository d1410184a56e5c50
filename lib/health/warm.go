//go:build !pidbox_some || pidbox_http

package health

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
)

// warm asks nobody, once. What a first request takes longer than a second one is most of the lag behind a server that is
// knocked at, and nothing is done meanwhile.
func (c *httpCheck) warm() {
	if c.url.Scheme != "http" || c.h2c {
		return
	}
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		if _, err := http.ReadRequest(bufio.NewReader(there)); err == nil {
			_, _ = io.WriteString(there, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		}
	}()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return here, nil
	}}
	client := &httpClient{o: c.o, method: c.method, header: c.header, host: c.host, transport: transport}
	_ = (&httpCheck{httpClient: client, url: c.url}).Check(context.Background())
}
