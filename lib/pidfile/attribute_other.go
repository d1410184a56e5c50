//go:build !linux

package pidfile

// Attribute is a text that is kept with a pidfile. Elsewhere an identity holds nothing that could be compared, so that
// there is nothing to keep.
type Attribute string

const claimed Attribute = "claim"

// Read finds nothing.
func (Attribute) Read(int) string { return "" }

// Write keeps nothing.
func (Attribute) Write(int, string) (bool, error) { return false, nil }
