package explore

// shrink is ddmin (Zeller and Hildebrandt, 2002): the smallest list that it finds of which fails is true, where fails is true
// of all of them. Of what is left, no single one can be left out.
func shrink[T any](all []T, fails func([]T) bool) []T {
	for parts := 2; len(all) > 1; {
		smaller, found := part(all, parts, fails)
		switch {
		case found && len(smaller) <= (len(all)+parts-1)/parts: // one part alone
			all, parts = smaller, 2
		case found:
			all, parts = smaller, max(parts-1, 2)
		case parts >= len(all):
			return all
		default:
			parts = min(2*parts, len(all))
		}
	}
	return all
}

// part is a part of a list, or the list without one, that fails.
func part[T any](all []T, parts int, fails func([]T) bool) ([]T, bool) {
	bounds := func(i int) (int, int) { return i * len(all) / parts, (i + 1) * len(all) / parts }
	for i := range parts {
		from, to := bounds(i)
		if one := all[from:to:to]; fails(one) {
			return one, true
		}
	}
	if parts == 2 { // what is left of a half is the other one
		return nil, false
	}
	for i := range parts {
		from, to := bounds(i)
		if rest := append(all[:from:from], all[to:]...); fails(rest) {
			return rest, true
		}
	}
	return nil, false
}

// jury says by several votes whether a list fails: a cluster is not the same twice. A vote is for it if one of its runs fails.
type jury struct {
	votes, needed, runs int
}

// decides votes until it is decided.
func (j jury) decides(try func() bool) (failed, votes int, yes bool) {
	for failed < j.needed && failed+j.votes-votes >= j.needed {
		votes++
		for range j.runs {
			if try() {
				failed++
				break
			}
		}
	}
	return failed, votes, failed >= j.needed
}
