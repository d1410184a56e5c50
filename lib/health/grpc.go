//go:build !pidbox_some || pidbox_http

package health

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// grpcCheck asks the standard health service, grpc.health.v1.Health: the server as a whole, or one service of it. Its two
// messages have one field each, which is why they are written by hand here.
type grpcCheck struct {
	*httpClient
	shown   string // as messages name it
	url     *url.URL
	service string
}

func (h *httpClient) grpcTarget(u *url.URL) (Check, error) {
	query := u.Query()
	service := query.Get("service")
	query.Del("service")
	switch {
	case u.Port() == "":
		return nil, errors.New("no port")
	case strings.Trim(u.Path, "/") != "" || len(query) > 0 || u.User != nil:
		return nil, errors.New("more than " + u.Scheme + "://host:port and ?service=NAME")
	}
	scheme := map[string]string{"grpc": "http", "grpcs": "https"}[u.Scheme]
	c := &grpcCheck{httpClient: h, shown: u.Scheme + "://" + u.Host, service: service}
	if c.url = (&url.URL{Scheme: scheme, Host: u.Host, Path: "/grpc.health.v1.Health/Check"}); service != "" {
		c.shown += "?service=" + printable(service)
	}
	if h.o.UnixSocket != "" {
		c.shown += " on " + h.o.UnixSocket
	}
	return c, nil
}

func (c *grpcCheck) String() string { return c.shown }

func (c *grpcCheck) Check(ctx context.Context) error {
	ctx, attempt := begin(ctx)
	if err := c.connect(ctx, c.two, c.url, attempt); err != nil {
		return c.reason(attempt, err)
	}
	defer attempt.drop()
	req, err := http.NewRequestWithContext(phased(ctx, attempt), http.MethodPost, c.url.String(), bytes.NewReader(request(c.service)))
	if err != nil {
		return plainURLError(err)
	}
	req.Header = c.header.Clone()
	req.Host = c.host
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	if user, password, ok := strings.Cut(c.o.Auth, ":"); ok {
		req.SetBasicAuth(user, password)
	}
	resp, err := c.two.RoundTrip(req)
	if err == nil {
		err = c.judge(resp)
		resp.Body.Close()
	}
	c.two.CloseIdleConnections()
	return c.reason(attempt, err)
}

// request is a HealthCheckRequest with the service as its field 1, behind the five bytes that gRPC has before a message.
func request(service string) []byte {
	var message []byte
	if service != "" {
		const field1Bytes = 1<<3 | 2
		message = append(binary.AppendUvarint([]byte{field1Bytes}, uint64(len(service))), service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

func (c *grpcCheck) judge(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return plain("status %d", resp.StatusCode)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/grpc") {
		return plain("answer is not gRPC")
	}
	const most = 4 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return err
	}
	trailer := resp.Trailer
	if trailer.Get("Grpc-Status") == "" {
		trailer = resp.Header // of an answer that has no message
	}
	code, err := strconv.Atoi(trailer.Get("Grpc-Status"))
	if err != nil {
		return plain("answer cut short")
	}
	if code == 0 {
		return serving(body)
	}
	return c.failure(code, trailer.Get("Grpc-Message"))
}

// serving reads a HealthCheckResponse, whose field 1 is the status.
func serving(body []byte) error {
	const head, field1Number = 5, 1 << 3
	if len(body) < head || body[0] != 0 || int(binary.BigEndian.Uint32(body[1:])) != len(body)-head {
		return plain("answer is not one of a gRPC health service")
	}
	status := uint64(0)
	for message := body[head:]; len(message) > 0; {
		key, n := binary.Uvarint(message)
		if n <= 0 || key&7 != 0 { // it has numbers only
			return plain("answer is not one of a gRPC health service")
		}
		value, m := binary.Uvarint(message[n:])
		if m <= 0 {
			return plain("answer is not one of a gRPC health service")
		}
		if key == field1Number {
			status = value
		}
		message = message[n+m:]
	}
	const isServing = 1
	names := []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	switch {
	case status == isServing:
		return nil
	case status < uint64(len(names)):
		return plain("%s", names[status])
	}
	return plain("health status %d", status)
}

// failure is an answer of gRPC's own: statuscodes of its documentation. One without the service, or that we have not the
// right to, says nothing about its health.
func (c *grpcCheck) failure(code int, message string) error {
	const notFound, permissionDenied, unimplemented, unauthenticated = 5, 7, 12, 16
	names := []string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
		"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}
	name := "gRPC status " + strconv.Itoa(code)
	if code > 0 && code < len(names) {
		name = names[code]
	}
	if text, err := url.PathUnescape(message); err == nil {
		message = text
	}
	switch text := name + quoteLine(message); code {
	case notFound:
		return plain("the server has no service %q", c.service)
	case unimplemented:
		return unasked("the server has no health service", errors.New(text))
	case permissionDenied, unauthenticated:
		return unasked(text, errors.New(text))
	default:
		return plain("%s", text)
	}
}
