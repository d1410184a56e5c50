// Package duration reads spans of time as people type them.
package duration

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Parse reads Go's syntax (500ms, 1m30s) or bare seconds (20, 0.5). It refuses what is negative, not a number,
// or longer than a time.Duration holds (about 292 years).
func Parse(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		d, err = seconds(s)
	}
	switch {
	case err != nil:
		return 0, err
	case d < 0:
		return 0, fmt.Errorf("%q is negative", s)
	}
	return d, nil
}

func seconds(s string) (time.Duration, error) {
	if strings.Trim(s, "0123456789.-") != "" || s == "" {
		return 0, fmt.Errorf("%q is not a duration such as 500ms, 1m30s or 20", s)
	}
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil && n == 0:
		return 0, fmt.Errorf("%q is not a duration such as 500ms, 1m30s or 20", s)
	case math.Abs(n) >= math.MaxInt64/float64(time.Second):
		return 0, fmt.Errorf("%q is longer than 292 years", s)
	}
	return time.Duration(math.Round(n * float64(time.Second))), nil
}

// Format is the short form of d that Parse reads: 20s, 1m, 1m30s, 0s.
func Format(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
