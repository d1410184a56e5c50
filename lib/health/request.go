//go:build !pidbox_some || pidbox_http

package health

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/go-retryablehttp"
)

func (c *httpCheck) request(ctx context.Context) (*retryablehttp.Request, error) {
	var body any
	if c.o.Body != "" {
		body = []byte(c.o.Body)
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, c.method, c.url.String(), body)
	if err != nil {
		return nil, plainURLError(err)
	}
	req.Header = c.header.Clone()
	req.Host = c.host
	if c.o.Auth != "" {
		user, password, _ := strings.Cut(c.o.Auth, ":")
		req.SetBasicAuth(user, password)
	} else if u := c.url.User; u != nil && req.Header.Get("Authorization") == "" {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password) // http.Client forgets it at a redirect to the same server
	}
	return req, nil
}

// reached is the URL whose server an attempt has ended with, behind the redirects that were followed.
func (c *httpCheck) reached(resp *http.Response, err error) string {
	var failed *url.Error
	switch {
	case err == nil:
		return shown(resp.Request.URL)
	case resp == nil && errors.As(err, &failed): // with both, a redirect was refused
		if u, err := url.Parse(failed.URL); err == nil {
			return shown(u)
		}
	}
	return shown(c.url)
}

// redirect is the policy of http.Client. A redirect whose status is wanted is an answer; the headers that we were
// given go to no other server, nor does the query, which may be a secret, as the Referer.
func (c *httpCheck) redirect(req *http.Request, via []*http.Request) error {
	if c.o.MaxRedirects == 0 || c.o.Statuses.Has(req.Response.StatusCode) {
		return http.ErrUseLastResponse
	}
	if req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return plain("redirected to the scheme %q, not http or https", req.URL.Scheme)
	}
	if req.URL.Host == "" {
		return plain("redirected to no host")
	}
	for _, before := range via {
		if before.Method == req.Method && before.URL.String() == req.URL.String() {
			return plain("redirects in a loop, back to %s", shown(req.URL))
		}
	}
	if len(via) > c.o.MaxRedirects {
		return plain("more than %d redirects", c.o.MaxRedirects)
	}
	req.Header.Del("Referer")
	if req.URL.Scheme != c.url.Scheme || req.URL.Host != c.url.Host {
		for name := range c.header {
			if name != "User-Agent" && name != "Content-Type" {
				req.Header.Del(name)
			}
		}
		req.Header.Del("Authorization")
	}
	return nil
}
