package health

import (
	"context"
	"errors"
)

var errStub = errors.New("not built yet")

// DefaultRedirects is how many redirects are followed where nobody says.
const DefaultRedirects = 10

// ParseStatuses reads a list such as 200,204,300-399.
func ParseStatuses(s string) (Statuses, error) { return nil, errStub }

// Parse makes the check that a URL names: http://, https://, tcp://host:port or unix:/path. Its errors are about
// the URL or about the files that o names.
func Parse(url string, o Options) (Check, error) { return nil, errStub }

// ParseAll is Parse of several URLs that share o, whose files are read once.
func ParseAll(urls []string, o Options) ([]Check, error) { return nil, errStub }

// Exec is the check that runs argv (argv[0] is looked up in PATH), healthy when that exits with 0. It runs in a
// process group of its own, which is killed when the check ends.
func Exec(argv []string) (Check, error) { return nil, errStub }

// Until asks all checks side by side until each has settled (Any: until one has), and returns nil then. When ctx
// ends first it returns context.Cause(ctx); with Once, ErrUnhealthy when an answer is "no". progress, which may be
// nil, hears of each attempt, of one at a time.
func Until(ctx context.Context, checks []Check, p Pace, progress func(Attempt)) (Result, error) {
	return Result{}, errStub
}

// ErrUnhealthy is the answer of Until with Once when it is "no".
var ErrUnhealthy = errors.New("unhealthy")

// Notify tells the service manager state ("READY=1") through the socket that NOTIFY_SOCKET names, after
// sd_notify(3). An empty socket is an error.
func Notify(socket, state string) error { return errStub }
