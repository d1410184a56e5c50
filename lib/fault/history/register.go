package history

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// register asks porcupine whether one order of the operations explains all answers.
func (w *work) register(ops []Op) Verdict {
	ops = observed(ops)
	if len(ops) == 0 {
		return Verdict{}
	}
	answer, why := w.explained(ops)
	if answer == CannotTell {
		return Verdict{}.unsure("%s", why)
	}
	if answer == Holds {
		return Verdict{}
	}
	// The first end by which no order is left: what began a history that is fine is fine.
	ends := make([]int, 0, len(ops))
	for i := range ops {
		if ops[i].Type == OK {
			ends = append(ends, i)
		}
	}
	sort.Slice(ends, func(a, b int) bool { return ops[ends[a]].Return < ops[ends[b]].Return })
	first := sort.Search(len(ends)-1, func(i int) bool {
		a, _ := w.explained(observed(until(ops, ops[ends[i]].Return)))
		return a != Holds
	})
	o := &ops[ends[first]]
	v := Verdict{Answer: Violated, found: until(ops, o.Return)}
	v.Reason = fmt.Sprintf("%v: no order of the operations explains this", o)
	for i := range ops {
		if value := read(o); value != "" && ops[i].F != "read" && ops[i].In[len(ops[i].In)-1] == value {
			v.Reason += fmt.Sprintf("; %s was written in line %d", value, ops[i].Line)
			return v
		}
	}
	if value := read(o); value != "" && value != "null" {
		v.Reason += fmt.Sprintf("; %s was never written", value)
	}
	return v
}

// read is what an operation has seen.
func read(o *Op) string {
	switch {
	case o.F == "read" && o.List: // a register may hold one
		return "[" + strings.Join(o.Out, ",") + "]"
	case o.F == "read" && len(o.Out) == 1:
		return o.Out[0]
	case o.F == "cas":
		return o.In[0]
	}
	return ""
}

// observed leaves out the writes of unknown outcome whose value nobody has seen: they explain nothing, and forbid
// nothing, for they may never have come. They are what a search takes long over.
func observed(ops []Op) []Op {
	seen := map[string]bool{}
	for i := range ops {
		seen[read(&ops[i])] = true
	}
	some := make([]Op, 0, len(ops))
	for _, o := range ops {
		if o.Type == Info && !seen[o.In[len(o.In)-1]] {
			continue
		}
		some = append(some, o)
	}
	return some
}

// explained is Holds where an order is found. A search takes time and memory: with none left the answer is CannotTell.
func (w *work) explained(ops []Op) (Answer, string) {
	left := time.Duration(0)
	if w.limits.Time > 0 {
		if left = time.Until(w.end); left <= 0 {
			return CannotTell, fmt.Sprintf("not judged within %v", w.limits.Time)
		}
	}
	if n := int64(len(ops)); w.limits.Memory > 0 && n*n/8 > w.limits.Memory/4 {
		if holds, applies := zones(ops); applies {
			return map[bool]Answer{true: Holds, false: Violated}[holds], ""
		}
	}
	size := int64(len(ops)/8 + 128) // of a step that porcupine remembers: which operations are in, and the value
	var full atomic.Bool            // a search that was given up goes on for a moment
	var mine atomic.Int64
	model := registers()
	step := model.Step
	model.Step = func(state, input, output any) (bool, any) {
		if full.Load() {
			return false, state
		}
		ok, next := step(state, input, output)
		if ok {
			mine.Add(size)
			if w.used.Add(size) > w.limits.Memory && w.limits.Memory > 0 {
				full.Store(true)
			}
		}
		return ok, next
	}
	result := porcupine.CheckOperationsTimeout(model, operations(ops), left)
	w.used.Add(-mine.Load())
	switch {
	case full.Load():
		return CannotTell, fmt.Sprintf("the search needs more than %d MiB", w.limits.Memory>>20)
	case result == porcupine.Unknown:
		return CannotTell, fmt.Sprintf("not judged within %v", w.limits.Time)
	case result == porcupine.Illegal:
		return Violated, ""
	}
	return Holds, ""
}

func operations(ops []Op) []porcupine.Operation {
	all := make([]porcupine.Operation, len(ops))
	for i := range ops {
		all[i] = porcupine.Operation{ClientId: int(ops[i].Process), Input: &ops[i], Output: &ops[i], Call: ops[i].Call, Return: ops[i].Return}
	}
	return all
}

// anything is the value of a register whose history is not known.
const anything = "?"

// registers is porcupine's model of one register, whose state is its value as JSON.
func registers() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "null" },
		Step: func(state, input, _ any) (bool, any) {
			o, value := input.(*Op), state.(string)
			switch {
			case o.F == "write":
				return true, o.In[0]
			case o.F == "cas" && (value == o.In[0] || value == anything):
				return true, o.In[1]
			case o.F == "cas":
				return o.Type == Info, value
			case value == anything:
				return true, read(o)
			}
			return value == read(o), value
		},
		DescribeOperation: func(input, _ any) string { return input.(*Op).short() },
		DescribeState:     func(state any) string { return state.(string) },
	}
}

// draw has porcupine draw the end of a history. What it cannot tell within seconds it draws as far as it came.
func draw(w io.Writer, model string, ops []Op) error {
	const most, limit = 200, 5 * time.Second
	sort.Slice(ops, func(i, j int) bool { return ops[i].Call < ops[j].Call })
	m := registers()
	if model == Queue || model == Append {
		m = lists(model)
	}
	if len(ops) > most && model != Queue && model != Append {
		ops = ops[len(ops)-most:]
		m.Init = func() any { return anything }
	}
	small := make([]Op, len(ops))
	clients := map[int64]int{}
	for i, o := range ops { // its page numbers clients and draws each
		if _, known := clients[o.Process]; !known {
			clients[o.Process] = len(clients)
		}
		small[i] = o
		small[i].Process = int64(clients[o.Process])
	}
	_, info := porcupine.CheckOperationsVerbose(m, operations(small), limit)
	return porcupine.Visualize(m, info, w)
}

// lists is porcupine's model of a queue, or of a list that is appended to; its state is the values.
func lists(model string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return []string(nil) },
		Step: func(state, input, _ any) (bool, any) {
			o, values := input.(*Op), state.([]string)
			switch {
			case o.F == "enqueue" || o.F == "append":
				return true, append(values[:len(values):len(values)], o.In[0])
			case o.F == "read":
				return equal(values, o.Out), values
			case o.Type == Info && len(values) > 0:
				return true, values[1:]
			case o.Type == Info:
				return true, values
			case len(o.Out) == 0 || o.Out[0] == "null":
				return len(values) == 0, values
			}
			return len(values) > 0 && values[0] == o.Out[0], values[min(1, len(values)):]
		},
		Equal:             func(a, b any) bool { return equal(a.([]string), b.([]string)) },
		DescribeOperation: func(input, _ any) string { return input.(*Op).short() },
		DescribeState:     func(state any) string { return list(state.([]string)) },
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
