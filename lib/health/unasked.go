package health

import (
	"errors"
	"net"
	"slices"
	"syscall"
)

// ErrNotAsked is in the chain of a reason that says nothing about the service: the question did not get to it, or its
// answer could not be believed. It is neither "healthy" nor "unhealthy". Another attempt may tell.
var ErrNotAsked = errors.New("could not ask")

func unasked(text string, err error) error { return &plainError{text, err, true} }

// neverError is a failure to ask that no waiting mends.
type neverError struct{ error }

func (e *neverError) Unwrap() error { return e.error }

func (e *neverError) Is(target error) bool { return target == ErrNotAsked }

func isNever(err error) bool {
	var never *neverError
	return errors.As(err, &never)
}

// cannotAsk says that an error of net, net/http or crypto/tls is not the service's. That a name does not exist is an
// answer; that no name server told is none. A certificate that is not believed, as one that the server does not believe,
// is about who speaks, not about how he is; and where no TLS is spoken the question was not put at all.
func cannotAsk(err error) bool {
	var dns *net.DNSError
	var errno syscall.Errno
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case unspoken(err):
		return true
	case errors.As(err, &op) && op.Op == "remote error":
		return true
	}
	return errors.As(err, &errno) && slices.Contains(ours(), errno)
}

// ours are the errors of connect(2) and its kind that come from this machine: its rights, its limits, its routes. EAGAIN
// is a UNIX socket whose queue is full, of which the service may know nothing.
func ours() []syscall.Errno {
	return []syscall.Errno{
		syscall.EACCES, syscall.EPERM, syscall.ELOOP, syscall.EPROTOTYPE,
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EAGAIN, syscall.EADDRNOTAVAIL,
		syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT,
	}
}
