package history

import (
	"math"
	"slices"
	"sort"
)

// zone is the time in which a value must have been the register's: from the first end of an operation with it to the last
// call of one, if these come in that order (forward); else it can be at any one moment from the last call to the first end.
type zone struct{ from, to int64 }

// zones judges a register whose values are each written once, in n log n steps and little memory, which porcupine's search
// needs the square of n for. By Gibbons and Korach ("Testing shared memories", 1997), an order exists exactly if no value
// is read before it is written, no two forward zones overlap, and no backward zone lies within a forward one. It does not
// apply to cas, or to a value that is written twice.
func zones(ops []Op) (holds, applies bool) {
	type value struct {
		written    *Op
		first, end int64 // the last call, the first end
	}
	start := &Op{F: "write", Call: math.MinInt64, Return: math.MinInt64}
	values := map[string]*value{"null": {start, math.MinInt64, math.MinInt64}}
	for i := range ops {
		o := &ops[i]
		if o.F == "write" {
			if values[o.In[0]] != nil {
				return false, false
			}
			values[o.In[0]] = &value{o, o.Call, o.Return}
		}
		if o.F == "cas" {
			return false, false
		}
	}
	for i := range ops {
		o := &ops[i]
		if o.F != "read" {
			continue
		}
		v := values[read(o)]
		if v == nil || o.Return < v.written.Call {
			return false, true
		}
		v.first, v.end = max(v.first, o.Call), min(v.end, o.Return)
	}
	var forward, backward []zone
	for _, v := range values {
		if v.end < v.first {
			forward = append(forward, zone{v.end, v.first})
		} else {
			backward = append(backward, zone{v.first, v.end})
		}
	}
	slices.SortFunc(forward, func(a, b zone) int { return compare(a.from, b.from) })
	for i := 1; i < len(forward); i++ {
		if forward[i].from < forward[i-1].to {
			return false, true
		}
	}
	for _, b := range backward {
		i := sort.Search(len(forward), func(i int) bool { return forward[i].from >= b.from }) - 1
		if i >= 0 && b.to < forward[i].to {
			return false, true
		}
	}
	return true, true
}
