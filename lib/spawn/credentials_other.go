//go:build !linux

package spawn

import (
	"errors"
	"fmt"
)

// ParseCapabilities fails: only Linux has them.
func ParseCapabilities(string) (*[]string, error) {
	return nil, fmt.Errorf("capabilities: %w", errors.ErrUnsupported)
}
