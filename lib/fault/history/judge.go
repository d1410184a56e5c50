package history

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Models lists what a store can promise.
func Models() []string { return []string{Register, CAS, Set, Queue, Append, Counter} }

// The models. Register and CAS are linearizable by key, a queue is first in first out, a list is appended to. A set keeps
// what was added; a counter lies between what was certainly added and what may have been.
const (
	Register = "register"
	CAS      = "cas"
	Set      = "set"
	Queue    = "queue"
	Append   = "append"
	Counter  = "counter"
)

// Answer is what a judge comes to.
type Answer int

// The answers.
const (
	Holds Answer = iota
	Violated
	CannotTell
)

// Verdict is the answer with what it stands on.
type Verdict struct {
	Answer Answer
	Key    string // of the violation
	Reason string // why not Holds
	Ops    int    // that were judged
	Keys   int
	model  string
	found  []Op // the violation's operations, up to it
}

// Limits bound a judgment.
type Limits struct {
	Time   time.Duration // 0: none
	Memory int64         // in bytes, 0: none
}

// operations that a model knows, and what they are called elsewhere.
func functions(model string) map[string]string {
	return map[string]map[string]string{
		Register: {"read": "read", "get": "read", "write": "write", "put": "write"},
		CAS:      {"read": "read", "get": "read", "write": "write", "put": "write", "cas": "cas"},
		Set:      {"add": "add", "read": "read"},
		Queue:    {"enqueue": "enqueue", "dequeue": "dequeue", "add": "enqueue"},
		Append:   {"append": "append", "read": "read"},
		Counter:  {"add": "add", "read": "read", "inc": "add"},
	}[model]
}

// Judge says whether the history is one that the model allows. What had certainly no effect (fail) is left out, and what
// nobody knows of (info) may have had its effect at any time, or never.
func Judge(h *History, model string, limits Limits) Verdict {
	v := Verdict{model: model}
	names := functions(model)
	if names == nil {
		return v.unsure("unknown model %q, known models are %s", model, strings.Join(Models(), ", "))
	}
	byKey := map[string][]Op{}
	for i := range h.Ops {
		o := h.Ops[i]
		if o.F = names[o.F]; o.F == "" {
			return v.unsure("line %d: %q is not an operation of %s", o.Line, h.Ops[i].F, model)
		}
		if len(o.In) == 0 && o.F != "read" && o.F != "dequeue" {
			return v.unsure("line %d: %s has no value", o.Line, o.F)
		}
		if o.Type == OK {
			v.Ops++
		}
		if o.Type != Fail && (o.Type == OK || o.F != "read") {
			byKey[o.Key] = append(byKey[o.Key], o)
		}
	}
	v.Keys = len(byKey)
	if v.Ops == 0 {
		return v.unsure("no operation in the history has succeeded")
	}
	keys := make([]string, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	w := &work{model: model, limits: limits, end: time.Now().Add(limits.Time)}
	results := make([]Verdict, len(keys))
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(keys)) {
		wait.Go(func() {
			for i := range next {
				results[i] = w.judge(byKey[keys[i]])
			}
		})
	}
	for i := range keys {
		next <- i
	}
	close(next)
	wait.Wait()
	for _, want := range []Answer{Violated, CannotTell} {
		for i, r := range results {
			if r.Answer != want {
				continue
			}
			v.Answer, v.Key, v.Reason, v.found = want, keys[i], r.Reason, r.found
			if keys[i] != "" {
				v.Reason = "key " + keys[i] + ": " + v.Reason
			}
			return v
		}
	}
	if n := h.instant(); n*10 > len(h.Ops) {
		return v.unsure("%d of %d operations began and ended at one moment: the clock of the history is too coarse to put them into order", n, len(h.Ops))
	}
	return v
}

// instant is how many operations began and ended at one time, by the history's own clock. What does so overlaps all else of that
// time, and explains more than it should.
func (h *History) instant() (n int) {
	for i := range h.Ops {
		if h.Timed && h.Ops[i].Call == h.Ops[i].Return {
			n++
		}
	}
	return n
}

func (v Verdict) unsure(format string, args ...any) Verdict {
	v.Answer, v.Reason = CannotTell, fmt.Sprintf(format, args...)
	return v
}

// work is a judgment under way.
type work struct {
	model  string
	limits Limits
	end    time.Time
	used   atomic.Int64 // memory, by the searches under way
}

// judge judges the operations of one key.
func (w *work) judge(ops []Op) Verdict {
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	var last int
	var reason string
	switch w.model {
	case Set:
		last, reason = set(ops)
	case Counter:
		last, reason = count(ops)
	case Queue:
		last, reason = queue(ops)
	case Append:
		last, reason = appended(ops)
	default:
		return w.register(ops)
	}
	switch {
	case reason == "":
		return Verdict{}
	case last < 0:
		return Verdict{}.unsure("%s", reason)
	}
	return Verdict{Answer: Violated, Reason: reason, found: until(ops, ops[last].Return)}
}

// until is what had been invoked at some time, with the ends that had come by then.
func until(ops []Op, t int64) []Op {
	var some []Op
	for _, o := range ops {
		if o.Call > t {
			continue
		}
		if o.Return > t {
			o.Type, o.Return, o.Out = Info, never, nil
			if o.F == "read" {
				continue
			}
		}
		some = append(some, o)
	}
	return some
}

// Picture writes porcupine's page of a violation, with its last operations. It says whether there is one.
func (v Verdict) Picture(w io.Writer) (bool, error) {
	if v.Answer != Violated || v.model == Set || v.model == Counter || len(v.found) == 0 {
		return false, nil
	}
	return true, draw(w, v.model, v.found)
}

const infinity = math.MaxInt64
