//go:build !linux

package bound

import (
	"errors"
	"os"

	"pidbox/lib/proc"
)

// Owner is known on Linux.
type Owner struct{}

func (*Owner) String() string { return "" }

// Upper is known on Linux.
type Upper struct{ Owner string }

func OwnedBy(*proc.Handle) (*Owner, error)             { return nil, errors.ErrUnsupported }
func OwnedByInput(*os.File) (*Owner, error)            { return nil, errors.ErrUnsupported }
func Above(environ []string) (*Upper, []string, error) { return nil, environ, nil }
func Run(Order) (Outcome, error)                       { return Outcome{}, errors.ErrUnsupported }
