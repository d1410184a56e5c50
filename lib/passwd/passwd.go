// Package passwd knows the users and groups of this machine: passwd(5), group(5). On Linux it is what os/user does in a static
// program, the shell of a user besides, without the tables that os/user brings into a small build.
package passwd

import "errors"

// ErrUnknown says that there is no entry of that name, or no file of them.
var ErrUnknown = errors.New("unknown")

// User is an entry of passwd(5), its numbers as text. Shell is empty where the system does not tell it.
type User struct {
	Name, UID, GID, Home, Shell string
}
