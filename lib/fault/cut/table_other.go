//go:build !linux

package cut

import (
	"fmt"
	"os"

	"pidbox/lib/fault"
)

// Table exists on Linux only; here every fault is unsupported.
type Table struct{}

// Open returns a table that can do nothing.
func Open(string, uint16, *os.File) *Table { return &Table{} }

// Close does nothing.
func (*Table) Close() error { return nil }

// Put refuses.
func (*Table) Put(string, Rule) error { return fmt.Errorf("nftables: %w", ErrUnsupported) }

// Remove does nothing.
func (*Table) Remove(string) error { return nil }

// Count counts nothing.
func (*Table) Count(string) (packets, bytes uint64, err error) { return 0, 0, nil }

// Unsupported names every network fault.
func (*Table) Unsupported() map[fault.Kind]string {
	not := map[fault.Kind]string{}
	for _, k := range []fault.Kind{fault.Drop, fault.Loss, fault.Slow, fault.Rate, fault.Reset, fault.Reorder, fault.Garble, fault.Repeat} {
		not[k] = "needs Linux"
	}
	return not
}
