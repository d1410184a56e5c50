package applet

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/duration"
	"pidbox/lib/signals"
)

// The parsers of values that several applets take, for Parsed and Each: one wording of each refusal. Before an error is
// printed it is put behind the option's name: "--nice: ..."; or, if it begins with "must", "given" or "takes", without the colon.

// Int parses a whole number within bounds.
func Int(least, most int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most || strings.HasPrefix(s, "+") {
			return 0, fmt.Errorf("%q is not a number from %d to %d", s, least, most)
		}
		return n, nil
	}
}

// PID parses the ID of a process.
func PID(s string) (int, error) {
	n, err := Int(1, 1<<31-1)(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a PID", s)
	}
	return n, nil
}

// Positive parses a duration of more than nothing.
func Positive(s string) (time.Duration, error) {
	d, err := duration.Parse(s)
	if err == nil && d == 0 {
		err = errors.New("must be greater than zero")
	}
	return d, err
}

// Fraction parses a number from 0 to most.
func Fraction(most float64) func(string) (float64, error) {
	return func(s string) (float64, error) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f >= 0 && f <= most) { // not a number is neither
			return 0, fmt.Errorf("%q is not a number from 0 to %v", s, most)
		}
		return f, nil
	}
}

// FileName parses the name of a file, which is not empty: an unset variable of a script names no file.
func FileName(s string) (string, error) {
	if s == "" {
		return "", errors.New("the name is empty")
	}
	return s, nil
}

// Mode parses permission bits in octal.
func Mode(s string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(s, 8, 12)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("%q is not an octal mode from 0 to 777", s)
	}
	return fs.FileMode(n), nil
}

// Mask parses a umask in octal.
func Mask(s string) (int, error) {
	n, err := strconv.ParseUint(s, 8, 12)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("%q is not an octal mask from 0 to 777", s)
	}
	return int(n), nil
}

// Codes parses a list of exit codes: 0,125.
func Codes(s string) ([]int, error) {
	var codes []int
	for word := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseUint(word, 10, 8)
		if err != nil {
			return nil, fmt.Errorf("%q is not an exit code from 0 to 255", word)
		}
		codes = append(codes, int(n))
	}
	return codes, nil
}

// SignalList parses a list of signals, TERM,USR1, which may be empty.
func SignalList(s string) ([]syscall.Signal, error) {
	if s == "" {
		return nil, nil
	}
	var list []syscall.Signal
	for word := range strings.SplitSeq(s, ",") {
		sig, err := signals.Parse(word)
		if err != nil {
			return nil, err
		}
		list = append(list, sig)
	}
	return list, nil
}

// Pointer makes a parser's value one that may be missing, for mechanisms to which nil means "as it is".
func Pointer[T any](parse func(string) (T, error)) func(string) (*T, error) {
	return func(s string) (*T, error) {
		v, err := parse(s)
		return &v, err
	}
}
