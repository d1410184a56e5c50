package fault

import (
	"strings"

	"pidbox/lib/resolve"
)

// ReadToken reads a token from the first line of a file that only its owner can read, this user or root, and that no other
// user could have put there; anything else is a *resolve.Unsafe.
func ReadToken(path string) (string, error) {
	const limit, least = 4096, 8
	text, err := resolve.ReadSecret(path, limit)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); len(line) < least {
		return "", &resolve.Unsafe{Path: path, Reason: "the token is shorter than 8 characters",
			Hint: resolve.Quote("head -c 24 /dev/urandom | base64 >", path)}
	}
	return line, nil
}
