package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/listener"
)

// connCheck is healthy when a connection can be made, with TLS if that is wanted, and when what is said on it
// is as expected, if anything is.
type connCheck struct {
	scheme, network, address string
	dial                     dialFunc
	secure                   func(context.Context, net.Conn, *attempt) (net.Conn, error) // nil: without TLS
	talk                     talk
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (c *connCheck) String() string {
	if c.network == "unix" {
		return "unix:" + c.address
	}
	return c.scheme + "://" + c.address
}

func (c *connCheck) Check(ctx context.Context) error {
	ctx, attempt := begin(ctx)
	conn, err := c.dial(ctx, c.network, c.address)
	if err != nil {
		return attempt.reason(err)
	}
	defer conn.Close()
	if c.secure != nil {
		if conn, err = c.secure(ctx, conn, attempt); err != nil {
			return err
		}
	}
	attempt.is("no answer in")
	return attempt.reason(c.talk.on(ctx, conn))
}

// nextAddress is how long an address is given before the next one is tried beside it: RFC 8305, section 5.
const nextAddress = 250 * time.Millisecond

// dial connects to one of the addresses of a name. Each has its chance before ctx ends, also where others are black
// holes.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	return dialBy(defaultResolver())(ctx, network, address)
}

func dialBy(names resolver) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// net/http dials without the end of the attempt, so that others could use the connection.
		attempt := attemptOf(ctx)
		if attempt != nil {
			ctx = attempt.ctx
		}
		if conn := attempt.kept(); conn != nil {
			return conn, nil
		}
		connect := func(ctx context.Context, address string) (net.Conn, error) {
			attempt.dials(address)
			return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, address)
		}
		if network != "tcp" {
			conn, err := connect(ctx, address)
			return attempt.met(conn, network, address), err
		}
		hosts := stateOf(names.hosts)
		addresses, err := names.ports(ctx, address)
		if err != nil {
			return nil, err
		}
		conn, err := attempt.here(addresses)
		if errors.Is(err, errors.ErrUnsupported) {
			var errs []error
			conn, errs = staggered(ctx, len(addresses), nextAddress, func(ctx context.Context, i int) (net.Conn, error) {
				return connect(ctx, addresses[i].String())
			}, func(late net.Conn) { late.Close() })
			err = theirs(errs)
		}
		if err != nil {
			return nil, names.refused(err, addresses, address, hosts)
		}
		return attempt.met(conn, network, conn.RemoteAddr().String()), nil
	}
}

// ports are the addresses of a HOST:PORT.
func (r resolver) ports(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	ips, err := r.lookup(ctx, host)
	return withPort(ips, uint16(number)), err
}

func withPort(ips []netip.Addr, port uint16) []netip.AddrPort {
	all := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		all[i] = netip.AddrPortFrom(ip, port)
	}
	return all
}

// here connects where each address is one of the loopback interface, which answers at once, one after another.
func (a *attempt) here(addresses []netip.AddrPort) (conn net.Conn, err error) {
	for _, to := range addresses {
		if conn := a.letIn(to); conn != nil {
			return conn, nil
		}
	}
	for _, to := range addresses {
		a.dials(to.String())
	}
	for _, to := range addresses {
		if !to.Addr().Unmap().IsLoopback() {
			return nil, errors.ErrUnsupported
		}
	}
	return connectHere(addresses)
}

// theirs is the error that says most of the service: that of an address which refused us rather than that of one to
// which there is no way from here.
func theirs(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	for _, err := range errs {
		if !cannotAsk(err) && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errs[0]
}

// staggered does n things for one result. The next is begun when one has failed, or after a delay, which is less where n
// of it would not fit in ctx. The first result ends the others; a second one is dropped. With none there are n errors.
func staggered[T any](ctx context.Context, n int, delay time.Duration, do func(context.Context, int) (T, error), drop func(T)) (T, []error) {
	if n == 1 {
		one, err := do(ctx, 0)
		if err != nil {
			return one, []error{err}
		}
		return one, nil
	}
	if end, ok := ctx.Deadline(); ok {
		delay = min(delay, time.Until(end)/time.Duration(2*n))
	}
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, n)
	var errs []error
	next := time.NewTimer(0)
	defer next.Stop()
	for begun := 0; ; {
		select {
		case <-next.C:
			if begun == n {
				continue
			}
			i := begun
			begun++
			next.Reset(delay)
			go func() {
				value, err := do(ctx, i)
				results <- result{value, err}
			}()
		case r := <-results:
			if r.err == nil {
				left := begun - len(errs) - 1
				go func() {
					for range left {
						if late := <-results; late.err == nil {
							drop(late.value)
						}
					}
				}()
				return r.value, nil
			}
			if errs = append(errs, r.err); len(errs) == n {
				return r.value, errs
			}
			next.Reset(0)
		}
	}
}

// refusedError is that of a connection which this machine refused at each of the addresses: to ask it again costs next to
// nothing, and no service hears of it.
type refusedError struct {
	error
	by    []netip.AddrPort
	still func() bool // these are the addresses that an attempt would go to
}

func (e *refusedError) Unwrap() error { return e.error }

// knock tries again, and gives the connection.
func (e *refusedError) knock() (net.Conn, error) { return connectHere(e.by) }

// refused makes err one where it is. The addresses of a name are still those while the file of hosts that has it is as it was.
func (r resolver) refused(err error, by []netip.AddrPort, address string, hosts fileState) error {
	elsewhere := func(to netip.AddrPort) bool { return !listener.Own(to.Addr()) }
	if !errors.Is(err, syscall.ECONNREFUSED) || slices.ContainsFunc(by, elsewhere) {
		return err
	}
	host, _, _ := net.SplitHostPort(address)
	_, literal := listener.Literal(host)
	still := func() bool { return hosts != fileState{} && hosts == stateOf(r.hosts) }
	switch {
	case literal:
		still = func() bool { return true }
	case len(r.known(host)) == 0: // a name server told
		still = func() bool { return false }
	}
	return &refusedError{err, by, still}
}

// refusal is what can be knocked at, if a reason is one, or nil.
func refusal(reason error) *refusedError {
	var e *refusedError
	errors.As(reason, &e)
	return e
}

// isLocalhost holds for the names that are this machine's everywhere: RFC 6761, section 6.3.
func isLocalhost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
