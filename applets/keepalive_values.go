package applets

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"pidbox/lib/applet"
	"pidbox/lib/signals"
)

// repeated is an option that may be given again and again.
func repeated(names, arg, text string, set func(string) error) applet.Option {
	o := applet.Set(names, arg, text, set)
	o.Repeat = true
	return o
}

func count(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return int(n), nil
}

func positive(s string) (int, error) {
	n, err := count(s)
	if err == nil && n == 0 {
		err = errors.New("it must be 1 at least")
	}
	return n, err
}

func exitCodes(s string) (codes []int, err error) {
	for _, word := range strings.Split(s, ",") {
		n, err := strconv.ParseUint(word, 10, 8)
		if err != nil {
			return nil, fmt.Errorf("%q is not an exit code of 0 to 255", word)
		}
		codes = append(codes, int(n))
	}
	return codes, nil
}

func signalList(s string) (list []syscall.Signal, err error) {
	if s == "" {
		return nil, nil
	}
	for _, word := range strings.Split(s, ",") {
		sig, err := signals.Parse(word)
		if err != nil {
			return nil, err
		}
		list = append(list, sig)
	}
	return list, nil
}
