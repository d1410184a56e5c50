package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// NoCaseError is a pattern that no case's name matches.
type NoCaseError struct {
	Pattern string
	Names   []string // of the cases that there are
}

func (e *NoCaseError) Error() string { return fmt.Sprintf("no case matches %q", e.Pattern) }

// There names the cases, or the first of many.
func (e *NoCaseError) There() string {
	const most = 12
	names, rest := e.Names, ""
	if len(names) > most {
		names, rest = names[:most], fmt.Sprintf(", and %d more", len(names)-most)
	}
	return "there are " + strings.Join(names, ", ") + rest
}

// Select leaves of the cases those whose name one of the patterns matches, as path.Match does; without a pattern it leaves all.
// Each must match one.
func (p *Plan) Select(patterns []string) error {
	if len(patterns) == 0 {
		return nil
	}
	names := make([]string, len(p.Cases))
	chosen := make([]bool, len(p.Cases))
	for i, c := range p.Cases {
		names[i] = c.Name
	}
	for _, pattern := range patterns {
		met := false
		for i, name := range names {
			ok, err := path.Match(pattern, name)
			if err != nil {
				return fmt.Errorf("%q is not a pattern", pattern)
			}
			chosen[i], met = chosen[i] || ok, met || ok
		}
		if !met {
			return &NoCaseError{pattern, names}
		}
	}
	p.Cases = slices.DeleteFunc(slices.Clone(p.Cases), func(c Case) bool { return !chosen[slices.Index(names, c.Name)] })
	return nil
}
