package spawn

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Limit is a resource limit as setrlimit(2) knows it; a nil bound is left as it is.
type Limit struct {
	Name       string // nofile
	Soft, Hard *uint64
	Lenient    bool // a soft bound above the hard one is the hard one
}

// Unlimited is the value of a bound that is none.
const Unlimited uint64 = math.MaxUint64

// ParseLimit reads NAME=VALUE, with VALUE as N (both bounds), SOFT:HARD, SOFT: or :HARD, and each bound a number in
// the unit of setrlimit(2) (bytes, seconds, counts) or "unlimited".
func ParseLimit(s string) (Limit, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return Limit{}, fmt.Errorf("%q is not NAME=VALUE, for example nofile=65536", s)
	}
	if _, known := resources()[name]; !known {
		return Limit{}, fmt.Errorf("there is no limit %q; there are %s", name, strings.Join(LimitNames(), ", "))
	}
	soft, hard, two := strings.Cut(value, ":")
	if !two {
		hard = soft
	}
	if soft == "" && hard == "" {
		return Limit{}, fmt.Errorf("%q has no value", s)
	}
	l := Limit{Name: name}
	for text, bound := range map[*string]**uint64{&soft: &l.Soft, &hard: &l.Hard} {
		if *text == "" {
			continue
		}
		n, err := strconv.ParseUint(*text, 10, 63)
		switch {
		case *text == "unlimited" || *text == "infinity":
			n = Unlimited
		case err != nil:
			return Limit{}, fmt.Errorf("%q: %q is neither a number nor unlimited", s, *text)
		}
		*bound = &n
	}
	if l.Soft != nil && l.Hard != nil && *l.Soft > *l.Hard {
		return Limit{}, fmt.Errorf("%q: the soft limit is above the hard one", s)
	}
	return l, nil
}

// LimitNames are the names that ParseLimit knows here, sorted.
func LimitNames() []string { return slices.Sorted(maps.Keys(resources())) }
