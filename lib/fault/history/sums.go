package history

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The models whose promise can be told from the history directly, in one pass. Each returns the place of the operation
// that breaks it and what is wrong, or a negative place where it cannot be told.

// set: a read shows what was added before it began, and nothing that nobody has added by its end.
func set(ops []Op) (int, string) {
	added := map[string]int{} // by value, the place of the add
	var done []int            // adds that were acknowledged, in the order of that
	for i := range ops {
		if ops[i].F != "add" {
			continue
		}
		if _, twice := added[ops[i].In[0]]; twice {
			return -1, fmt.Sprintf("%v: %s is added twice; values must be unique", &ops[i], ops[i].In[0])
		}
		added[ops[i].In[0]] = i
		if ops[i].Type == OK {
			done = append(done, i)
		}
	}
	slices.SortFunc(done, func(a, b int) int { return compare(ops[a].Return, ops[b].Return) })
	reads := 0
	for i := range ops {
		r := &ops[i]
		if r.F != "read" {
			continue
		}
		reads++
		seen := make(map[string]bool, len(r.Out))
		for _, v := range r.Out {
			a, known := added[v]
			switch {
			case seen[v]:
				return i, fmt.Sprintf("%v: %s appears twice", r, v)
			case !known || ops[a].Call > r.Return:
				return i, fmt.Sprintf("%v: %s was never added", r, v)
			}
			seen[v] = true
		}
		var lost []string
		for _, a := range done {
			if ops[a].Return >= r.Call {
				break
			}
			if v := ops[a].In[0]; !seen[v] {
				lost = append(lost, v)
			}
		}
		if len(lost) > 0 {
			return i, fmt.Sprintf("%v: %d of %d acknowledged values are lost: %s", r, len(lost), len(done), list(lost))
		}
	}
	if reads == 0 {
		return -1, "no read has succeeded"
	}
	return 0, ""
}

// count: a read is no less than what was acknowledged before it, and no more than what was asked for by its end.
func count(ops []Op) (int, string) {
	var asked, done tally // what is added may be in from its call on, and is from its end on
	for i := range ops {
		o := &ops[i]
		if o.F != "add" {
			continue
		}
		n, err := strconv.ParseInt(o.In[0], 10, 64)
		if err != nil {
			return -1, fmt.Sprintf("%v: a counter takes whole numbers", o)
		}
		asked = append(asked, change{o.Call, min(n, 0), max(n, 0)})
		if o.Type == OK {
			done = append(done, change{o.Return, max(n, 0), min(n, 0)})
		}
	}
	asked.sum()
	done.sum()
	bounds := func(o *Op) (low, high int64) {
		low, high = asked.before(o.Return + 1)
		l, h := done.before(o.Call)
		return low + l, high + h
	}
	reads := 0
	for i := range ops {
		o := &ops[i]
		if o.F != "read" {
			continue
		}
		reads++
		n, err := strconv.ParseInt(strings.Join(o.Out, " "), 10, 64)
		if err != nil {
			return -1, fmt.Sprintf("%v: a counter takes whole numbers", o)
		}
		if low, high := bounds(o); n < low || n > high {
			return i, fmt.Sprintf("%v: it should be from %d to %d", o, low, high)
		}
	}
	if reads == 0 {
		return -1, "no read has succeeded"
	}
	return 0, ""
}

// tally is changes of the bounds by time, each the sum of those up to it.
type (
	tally  []change
	change struct{ at, low, high int64 }
)

func (t tally) sum() {
	slices.SortStableFunc(t, func(a, b change) int { return compare(a.at, b.at) })
	for i := 1; i < len(t); i++ {
		t[i].low += t[i-1].low
		t[i].high += t[i-1].high
	}
}

func (t tally) before(at int64) (low, high int64) {
	i := sort.Search(len(t), func(i int) bool { return t[i].at >= at })
	if i == 0 {
		return 0, 0
	}
	return t[i-1].low, t[i-1].high
}

// appended: all reads are beginnings of one list, and its order agrees with the time.
func appended(ops []Op) (int, string) {
	longest, reads := -1, 0
	writes := map[string]int{}
	for i := range ops {
		switch o := &ops[i]; o.F {
		case "append":
			if _, twice := writes[o.In[0]]; twice {
				return -1, fmt.Sprintf("%v: %s is appended twice; values must be unique", o, o.In[0])
			}
			writes[o.In[0]] = i
		case "read":
			if len(o.Out) == 1 && o.Out[0] == "null" { // nothing is an empty list
				o.Out = nil
			}
			if reads++; longest < 0 || len(o.Out) > len(ops[longest].Out) {
				longest = i
			}
		}
	}
	if longest < 0 {
		return -1, "no read has succeeded"
	}
	order := map[string]int{}
	for i, v := range ops[longest].Out {
		if _, twice := order[v]; twice {
			return longest, fmt.Sprintf("%v: %s appears twice", &ops[longest], v)
		}
		order[v] = i
	}
	place := make([]int, len(ops)) // in the order that the reads show: an append at an even, a read at an odd one
	for i := range ops {
		o := &ops[i]
		if o.F == "append" {
			at, seen := order[o.In[0]]
			if place[i] = 2*at + 2; !seen {
				place[i] = 2*len(order) + 2 // after all that was read
			}
			continue
		}
		place[i] = 2*len(o.Out) + 1
		for j, v := range o.Out {
			if w, known := writes[v]; !known || ops[w].Call > o.Return {
				return i, fmt.Sprintf("%v: %s was never appended", o, v)
			}
			if v != ops[longest].Out[j] {
				return i, fmt.Sprintf("%v: it disagrees with line %d, which has %s at place %d, not %s", o, ops[longest].Last, ops[longest].Out[j], j+1, v)
			}
		}
	}
	return agree(ops, place)
}

// agree looks for an operation that comes earlier in the order shown than one that had ended before it began.
func agree(ops []Op, place []int) (int, string) {
	ends := make([]int, 0, len(ops))
	for i := range ops {
		if ops[i].Type == OK {
			ends = append(ends, i)
		}
	}
	slices.SortStableFunc(ends, func(a, b int) int { return compare(ops[a].Return, ops[b].Return) })
	latest, next := -1, 0
	for i := range ops { // by their calls
		for ; next < len(ends) && ops[ends[next]].Return < ops[i].Call; next++ {
			if latest < 0 || place[ends[next]] > place[latest] {
				latest = ends[next]
			}
		}
		if latest >= 0 && place[latest] > place[i] && (ops[i].Type == OK || place[i]%2 == 0) {
			return i, fmt.Sprintf("%v: the order that the reads show puts it before %v, which had ended by then", &ops[i], &ops[latest])
		}
	}
	return 0, ""
}
