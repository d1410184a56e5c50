package history

import (
	"fmt"
	"slices"
)

// queue: first in, first out. For values that are unique there are four ways to break that (Henzinger, Sezgin, Vafeiadis,
// "Aspect-oriented linearizability proofs", 2013): a value that nobody put in, one taken twice, two in the wrong order,
// and an empty answer from a queue that never was.
func queue(ops []Op) (int, string) {
	type life struct{ in, out int } // places of its operations, -1: none
	lives := map[string]*life{}
	var values []*life
	unknown := 0 // dequeues that may have taken something
	for i := range ops {
		if ops[i].F == "enqueue" {
			v := ops[i].In[0]
			if lives[v] != nil {
				return -1, fmt.Sprintf("%v: %s is put in twice; values must be unique", &ops[i], v)
			}
			lives[v] = &life{i, -1}
			values = append(values, lives[v])
		}
	}
	var empty []int
	for i := range ops {
		o := &ops[i]
		switch {
		case o.F != "dequeue":
		case o.Type == Info:
			unknown++
		case len(o.Out) == 0 || o.Out[0] == "null":
			empty = append(empty, i)
		case lives[o.Out[0]] == nil || ops[lives[o.Out[0]].in].Call > o.Return:
			return i, fmt.Sprintf("%v: %s was never put in", o, o.Out[0])
		case lives[o.Out[0]].out >= 0:
			return i, fmt.Sprintf("%v: line %d had taken it", o, ops[lives[o.Out[0]].out].Last)
		default:
			lives[o.Out[0]].out = i
		}
	}
	entered := func(l *life) int64 { return ops[l.in].Return }
	taken := func(l *life) int64 { // the latest that it was still there
		if l.out < 0 {
			return infinity
		}
		return ops[l.out].Call
	}
	// In the wrong order: a was in before b was put in, and b was out before a was taken.
	byCall, byEnd := slices.Clone(values), slices.Clone(values)
	slices.SortFunc(byCall, func(a, b *life) int { return compare(ops[a.in].Call, ops[b.in].Call) })
	slices.SortFunc(byEnd, func(a, b *life) int { return compare(entered(a), entered(b)) })
	next := 0
	var latest, left *life
	skipped := 0
	for _, b := range byCall {
		for ; next < len(byEnd) && entered(byEnd[next]) < ops[b.in].Call; next++ {
			a := byEnd[next]
			if a.out < 0 { // not taken by an answer that came: if enough are unknown, one of those may have
				if skipped++; left == nil {
					left = a
				}
				continue
			}
			if latest == nil || taken(a) > taken(latest) {
				latest = a
			}
		}
		if b.out < 0 {
			continue
		}
		gone := ops[b.out].Return
		if latest != nil && taken(latest) > gone {
			return b.out, fmt.Sprintf("%v: %s was put in before it (line %d), and taken after it (line %d)", &ops[b.out], ops[latest.in].In[0], ops[latest.in].Last, ops[latest.out].Last)
		}
		if skipped > unknown {
			return b.out, fmt.Sprintf("%v: %s was put in before it (line %d), and is lost", &ops[b.out], ops[left.in].In[0], ops[left.in].Last)
		}
	}
	if unknown > 0 { // any of them may have emptied it
		return 0, ""
	}
	// Empty: some value was certainly there at each moment of it.
	slices.SortFunc(empty, func(a, b int) int { return compare(ops[a].Call, ops[b].Call) })
	next = 0
	from, to := int64(-1), int64(-1) // a stretch in which it never was empty
	var stretches [][2]int64
	for ; next < len(byEnd); next++ {
		l := byEnd[next]
		if entered(l) >= taken(l) {
			continue
		}
		if entered(l) >= to {
			if to >= 0 {
				stretches = append(stretches, [2]int64{from, to})
			}
			from, to = entered(l), taken(l)
		}
		to = max(to, taken(l))
	}
	if to >= 0 {
		stretches = append(stretches, [2]int64{from, to})
	}
	s := 0
	for _, i := range empty {
		for s < len(stretches) && stretches[s][1] < ops[i].Return {
			s++
		}
		if s < len(stretches) && stretches[s][0] < ops[i].Call && stretches[s][1] > ops[i].Return {
			return i, fmt.Sprintf("%v: it was not empty at that time", &ops[i])
		}
	}
	return 0, ""
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
