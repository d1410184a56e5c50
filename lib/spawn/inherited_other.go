//go:build !linux

package spawn

import (
	"errors"
	"os"
)

// Inherited is copies of the descriptors that an exec of this process would pass on.
func Inherited() (std [3]*os.File, others map[int]*os.File, close func(), err error) {
	return std, nil, func() {}, errors.ErrUnsupported
}
