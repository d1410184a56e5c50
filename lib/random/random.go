// Package random gives bytes that nobody can guess, from the kernel. Package crypto/rand gives them through a generator of its
// own, which is a seventh of a small build.
package random

import (
	"encoding/hex"
	"io"
	"os"
)

// Text is n random bytes in hexadecimal digits. It panics where the system has none to give, as crypto/rand does.
func Text(n int) string { return hex.EncodeToString(Bytes(n)) }

// Bytes is n random bytes, under the terms of Text.
func Bytes(n int) []byte {
	b := make([]byte, n)
	if fill(b) {
		return b
	}
	f, err := os.Open("/dev/urandom")
	if err == nil {
		defer f.Close()
		_, err = io.ReadFull(f, b)
	}
	if err != nil {
		panic("no random bytes: " + err.Error())
	}
	return b
}
