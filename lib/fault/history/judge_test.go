package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// line is one event: "0 invoke write a 1".
func events(t *testing.T, lines ...string) *History {
	t.Helper()
	h, err := Read(strings.NewReader(text(lines...)), 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func text(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		var process int
		var kind, f, key, value string
		if n, _ := fmt.Sscan(l, &process, &kind, &f, &key, &value); n < 4 {
			panic(l)
		}
		if value == "" {
			value = "null"
		}
		fmt.Fprintf(&b, "{\"type\":%q,\"process\":%d,\"f\":%q,\"key\":%q,\"value\":%s}\n", kind, process, f, key, value)
	}
	return b.String()
}

// Each promise that is broken is found, with the line that breaks it, and one that is kept is not called broken.
func TestModels(t *testing.T) {
	for _, c := range []struct {
		name, model string
		lines       []string
		answer      Answer
		reason      string
	}{
		{"a write is read", Register, []string{"0 invoke write a 1", "0 ok write a 1", "0 invoke read a", "0 ok read a 1"}, Holds, ""},
		{"lost", Register, []string{"0 invoke write a 1", "0 ok write a 1", "0 invoke write a 2", "0 ok write a 2", "1 invoke read a", "1 ok read a 1"},
			Violated, "key a: line 6: process 1: read -> 1: no order of the operations explains this; 1 was written in line 1"},
		{"invented", Register, []string{"0 invoke read a", "0 ok read a 9"}, Violated, "9 was never written"},
		{"a failed write is read", Register, []string{"0 invoke write a 1", "0 fail write a 1", "1 invoke read a", "1 ok read a 1"}, Violated, "never written"},
		{"an unknown write comes late", Register, []string{"0 invoke write a 1", "0 info write a 1", "1 invoke read a", "1 ok read a", "1 invoke read a", "1 ok read a 1"}, Holds, ""},
		{"an unknown write comes and goes", Register, []string{"0 invoke write a 1", "1 invoke read a", "1 ok read a 1", "1 invoke read a", "1 ok read a"}, Violated, "line 5"},
		{"a list is a value", Register, []string{"0 invoke write a [1,2]", "0 ok write a [1,2]", "0 invoke read a", "0 ok read a [1,2]"}, Holds, ""},
		{"a list of one is not the one", Register, []string{"0 invoke write a 5", "0 ok write a 5", "0 invoke read a", "0 ok read a [5]"}, Violated, "[5] was never written"},
		{"an empty list is not nothing", Register, []string{"0 invoke read a", "0 ok read a []"}, Violated, "[] was never written"},
		{"put and get", Register, []string{"0 invoke put a 5", "0 ok put a 5", "0 invoke get a", "0 ok get a 5"}, Holds, ""},
		{"get shows what was lost", Register, []string{"0 invoke put a 5", "0 ok put a 5", "0 invoke get a", "0 ok get a"}, Violated, "line 4"},
		{"keys are apart", Register, []string{"0 invoke write a 1", "0 ok write a 1", "0 invoke read b", "0 ok read b"}, Holds, ""},
		{"cas", CAS, []string{"0 invoke write a 1", "0 ok write a 1", "0 invoke cas a [1,2]", "1 invoke cas a [1,3]", "0 ok cas a", "1 ok cas a"}, Violated, "key a: line 6"},
		{"set", Set, []string{"0 invoke add s 1", "0 ok add s 1", "1 invoke add s 2", "1 info add s 2", "0 invoke read s", "0 ok read s [1,2]"}, Holds, ""},
		{"set is added to during a read", Set, []string{"1 invoke read s", "0 invoke add s 1", "0 ok add s 1", "1 ok read s []"}, Holds, ""},
		{"set shows what comes later", Set, []string{"1 invoke read s", "1 ok read s [1]", "0 invoke add s 1", "0 ok add s 1"}, Violated, "1 was never added"},
		{"counter is added to during a read", Counter, []string{"1 invoke read c", "0 invoke add c 2", "0 ok add c 2", "1 ok read c 2"}, Holds, ""},
		{"counter is not yet added to", Counter, []string{"1 invoke read c", "0 invoke add c 2", "0 ok add c 2", "1 ok read c 0"}, Holds, ""},
		{"counter shows what comes later", Counter, []string{"1 invoke read c", "1 ok read c 2", "0 invoke add c 2", "0 ok add c 2"}, Violated, "it should be from 0 to 0"},
		{"set loses", Set, []string{"0 invoke add s 1", "0 ok add s 1", "0 invoke read s", "0 ok read s []"}, Violated, "1 of 1 acknowledged values are lost: 1"},
		{"set invents", Set, []string{"0 invoke read s", "0 ok read s [7]"}, Violated, "7 was never added"},
		{"set doubles", Set, []string{"0 invoke add s 1", "0 ok add s 1", "0 invoke read s", "0 ok read s [1,1]"}, Violated, "1 appears twice"},
		{"set is not read", Set, []string{"0 invoke add s 1", "0 ok add s 1"}, CannotTell, "no read has succeeded"},
		{"counter", Counter, []string{"0 invoke add c 2", "0 ok add c 2", "1 invoke add c 3", "0 invoke read c", "0 ok read c 5"}, Holds, ""},
		{"counter adds twice", Counter, []string{"0 invoke add c 2", "0 ok add c 2", "0 invoke read c", "0 ok read c 4"}, Violated, "it should be from 2 to 2"},
		{"counter loses", Counter, []string{"0 invoke add c 2", "0 ok add c 2", "1 invoke add c -1", "0 invoke read c", "0 ok read c 0"}, Violated, "it should be from 1 to 2"},
		{"queue", Queue, []string{"0 invoke enqueue q 1", "0 ok enqueue q 1", "0 invoke enqueue q 2", "0 ok enqueue q 2", "0 invoke dequeue q", "0 ok dequeue q 1"}, Holds, ""},
		{"queue in disorder", Queue, []string{"0 invoke enqueue q 1", "0 ok enqueue q 1", "0 invoke enqueue q 2", "0 ok enqueue q 2", "0 invoke dequeue q", "0 ok dequeue q 2", "0 invoke dequeue q", "0 ok dequeue q 1"},
			Violated, "1 was put in before it (line 2), and taken after it (line 8)"},
		{"queue loses", Queue, []string{"0 invoke enqueue q 1", "0 ok enqueue q 1", "0 invoke enqueue q 2", "0 ok enqueue q 2", "0 invoke dequeue q", "0 ok dequeue q 2"}, Violated, "and is lost"},
		{"queue doubles", Queue, []string{"0 invoke enqueue q 1", "0 ok enqueue q 1", "0 invoke dequeue q", "0 ok dequeue q 1", "0 invoke dequeue q", "0 ok dequeue q 1"}, Violated, "line 4 had taken it"},
		{"queue is not empty", Queue, []string{"0 invoke enqueue q 1", "0 ok enqueue q 1", "0 invoke dequeue q", "0 ok dequeue q"}, Violated, "it was not empty"},
		{"append", Append, []string{"0 invoke append l 1", "0 ok append l 1", "1 invoke append l 2", "0 invoke read l", "0 ok read l [1,2]", "0 invoke read l", "0 ok read l [1,2]"}, Holds, ""},
		{"append in two orders", Append, []string{"0 invoke append l 1", "1 invoke append l 2", "2 invoke read l", "2 ok read l [1,2]", "2 invoke read l", "2 ok read l [2]"}, Violated, "it disagrees with line 4"},
		{"append loses", Append, []string{"0 invoke append l 1", "0 ok append l 1", "0 invoke read l", "0 ok read l []"}, Violated, "which had ended by then"},
		{"append goes back", Append, []string{"0 invoke append l 1", "1 invoke read l", "1 ok read l [1]", "1 invoke read l", "1 ok read l []"}, Violated, "line 5"},
		{"append doubles", Append, []string{"0 invoke append l 1", "0 ok append l 1", "0 invoke read l", "0 ok read l [1,1]"}, Violated, "1 appears twice"},
		{"nothing succeeded", Register, []string{"0 invoke write a 1", "0 info write a 1"}, CannotTell, "no operation in the history has succeeded"},
		{"another model", Set, []string{"0 invoke write a 1", "0 ok write a 1"}, CannotTell, `"write" is not an operation of set`},
		{"values twice", Append, []string{"0 invoke append l 1", "0 ok append l 1", "0 invoke append l 1", "0 ok append l 1"}, CannotTell, "values must be unique"},
	} {
		v := Judge(events(t, c.lines...), c.model, Limits{Time: time.Minute, Memory: 1 << 28})
		if v.Answer != c.answer || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %v %q, want %v %q", c.name, v.Answer, v.Reason, c.answer, c.reason)
		}
		if picture := new(bytes.Buffer); v.Answer == Violated {
			drawn, err := v.Picture(picture)
			if err != nil || drawn != (c.model != Set && c.model != Counter) || drawn && !strings.Contains(picture.String(), "<svg") {
				t.Errorf("%s: picture %v, %v", c.name, drawn, err)
			}
		}
	}
}

// A clock that does not move, or only now and then, puts nothing into order: what it hides is not called fine. What is wrong by
// it for all that is wrong.
func TestCoarseClock(t *testing.T) {
	lost := []string{"0 invoke write a 1", "0 ok write a 1", "0 invoke write a 2", "0 ok write a 2", "1 invoke read a", "1 ok read a 1"}
	for name, c := range map[string]struct {
		times  []int
		answer Answer
	}{
		"none":   {nil, Violated},
		"fine":   {[]int{1, 2, 3, 4, 5, 6}, Violated},
		"stands": {[]int{7, 7, 7, 7, 7, 7}, CannotTell},
		"coarse": {[]int{1, 1, 1, 2, 2, 2}, CannotTell},
		"steps":  {[]int{1, 1, 2, 2, 3, 3}, Violated},
	} {
		lines := strings.SplitAfter(text(lost...), "\n")
		for i, at := range c.times {
			lines[i] = strings.Replace(lines[i], "{", fmt.Sprintf(`{"time":%d,`, at), 1)
		}
		h, err := Read(strings.NewReader(strings.Join(lines, "")), 0)
		if err != nil {
			t.Fatal(name, err)
		}
		if v := Judge(h, Register, Limits{Time: time.Minute}); v.Answer != c.answer {
			t.Errorf("%s: %v %s", name, v.Answer, v.Reason)
		}
	}
}

// What is no history is refused with its line; what its writer could not finish is left out.
func TestBadHistories(t *testing.T) {
	ok := text("0 invoke write a 1", "0 ok write a 1")
	for name, c := range map[string]struct{ in, want string }{
		"empty":         {"", ""},
		"cut":           {ok + `{"type":"inv`, ""},
		"blank lines":   {"\n\n" + ok + "\r\n", ""},
		"interleaved":   {`{"type":"inv{"type":"ok"}` + "\n" + ok, "line 1: it is not a JSON object"},
		"two in one":    {strings.ReplaceAll(ok, "\n", " ") + "\n", "line 1: there is more than one"},
		"binary":        {"\x7fELF\x00\x01\n" + ok, "line 1: it is not a JSON object"},
		"text":          {"hello\n", "line 1: it is not a JSON object"},
		"an array":      {"[1]\n", "line 1: it is not an EDN map"},
		"order":         {text("0 ok write a 1", "0 invoke write a 1"), "line 1: process 0 ends write, but has not invoked it"},
		"twice":         {text("0 invoke write a 1", "0 invoke write a 2"), "line 2: process 0 invokes write, but its operation of line 1 has not ended"},
		"type":          {`{"type":"done","process":0,"f":"write"}` + "\n", `line 1: type "done" is not`},
		"no f":          {`{"type":"invoke","process":0}` + "\n", "line 1: f, the operation, is missing"},
		"process":       {`{"type":"invoke","process":"x","f":"read"}` + "\n", `line 1: process "x" is not a whole number`},
		"another f":     {text("0 invoke write a 1", "0 ok read a 1"), "line 2: process 0 ends read a, but invoked write a in line 1"},
		"another value": {text("0 invoke write a 1", "0 ok write a 2"), "line 2: process 0 ends write 2, but invoked it with 1 in line 1"},
		"another cas":   {text("0 invoke cas a [1,2]", "0 ok cas a [1,3]"), "line 2: process 0 ends cas [1,3], but invoked it with [1 2] in line 1"},
		"half timed":    {`{"type":"invoke","process":0,"f":"read","time":1}` + "\n" + `{"type":"ok","process":0,"f":"read"}` + "\n", "line 2: some lines have a time"},
		"bad time":      {`{"type":"invoke","process":0,"f":"read","time":1.5}` + "\n", "line 1: time 1.5 is not a whole number"},
		"cas":           {text("0 invoke cas a 1"), "line 1: the value of cas must be [old, new]"},
		"edn":           {"{:type :invoke :process 0 :f }", "a key of a map has no value"},
		"edn brackets":  {"{:type :invoke :value [1}", "is wanted"},
		"edn depth":     {"{:type " + strings.Repeat("[", 1000), "nested too deeply"},
	} {
		_, err := Read(strings.NewReader(c.in), 0)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if h := events(t); len(h.Ops) != 0 {
		t.Errorf("%+v", h)
	}
	_, err := Read(strings.NewReader(ok), 100)
	if large := (*SizeError)(nil); !errors.As(err, &large) {
		t.Errorf("a history above the limit: %v", err)
	}
	late := `{"type":"ok","process":0,"f":"write","value":1,"time":20}` + "\n" + `{"type":"invoke","process":0,"f":"write","value":1,"time":10}` + "\n"
	if h, err := Read(strings.NewReader(late), 0); err != nil || len(h.Ops) != 1 || h.Ops[0].Return != 20 {
		t.Errorf("lines that their times put into order: %+v, %v", h, err)
	}
}

// Jepsen's files are read: keys in independent tuples, transactions of one operation, records, a nemesis, a vector.
func TestEDN(t *testing.T) {
	for name, in := range map[string]string{
		"independent": `{:type :invoke, :f :write, :value ["a" 1], :process 0, :time 10, :index 0}
{:type :info, :f :start, :value nil, :process :nemesis, :time 11, :index 1} ; a comment
{:type :ok, :f :write, :value ["a" 1], :process 0, :time 12, :index 2}
{:type :invoke, :f :read, :value ["a" nil], :process 1, :time 13, :index 3}
#jepsen.history.Op{:index 4, :time 14, :type :ok, :process 1, :f :read, :value ["a" 1]}`,
		"vector": `[{:type :invoke, :f :cas, :value [1 2], :process 0} {:type :fail, :f :cas, :value [1 2], :process 0, :error [:timeout "x\"y"]}
 {:type :invoke, :f :write, :value 1, :process 0} {:type :ok, :f :write, :value 1, :process 0}]`,
		"txn": `{:type :invoke, :f :txn, :value [[:w 5 1]], :process 0}
{:type :ok, :f :txn, :value [[:w 5 1]], :process 0}`,
	} {
		h, err := Read(strings.NewReader(in), 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v := Judge(h, CAS, Limits{}); v.Answer != Holds || len(h.Ops) == 0 {
			t.Errorf("%s: %+v, %+v", name, v, h.Ops)
		}
	}
	h, err := Read(strings.NewReader(`{:type :invoke, :f :read, :process 0}{:type :ok, :f :read, :value #{1 2}, :process 0}`), 0)
	if err != nil || len(h.Ops) != 1 || len(h.Ops[0].Out) != 2 {
		t.Errorf("a set: %+v, %v", h, err)
	}
}

// random makes a history in which each operation has its effect at a moment within it, and then perhaps bends one.
func random(r *rand.Rand, model string, n, clients int, bend bool) []Op {
	var ops []Op
	var values []string
	free := make([]int64, clients)
	for i := range n {
		c := r.IntN(clients)
		call := free[c] + int64(r.IntN(10))
		at := call + 1 + int64(r.IntN(20))
		free[c] = at + 1 + int64(r.IntN(20))
		o := Op{Process: int64(c), Call: call, Return: free[c], Line: int(at), Last: i + 1, Type: OK, In: []string{fmt.Sprint(i)}}
		write, read := "write", "read"
		if model == Queue {
			write, read = "enqueue", "dequeue"
		} else if model == Append {
			write = "append"
		}
		if o.F = write; r.IntN(2) == 0 {
			o.F, o.In = read, nil
		} else if r.IntN(8) == 0 {
			o.Type, o.Return = Info, never
		}
		ops = append(ops, o)
	}
	byMoment := make([]*Op, len(ops))
	for i := range ops {
		byMoment[i] = &ops[i]
	}
	sortBy(byMoment)
	for _, o := range byMoment {
		switch {
		case o.F == "dequeue" && len(values) > 0:
			o.Out, values = values[:1:1], values[1:]
		case o.F == "dequeue":
			o.Out = []string{"null"}
		case o.F == "read" && model == Append:
			o.Out = append([]string{}, values...)
		case o.F == "read" && len(values) == 0:
			o.Out = []string{"null"}
		case o.F == "read":
			o.Out = values[len(values)-1:]
		case o.Type != Info || r.IntN(2) == 0:
			values = append(values[:len(values):len(values)], o.In[0])
		}
	}
	if bend {
		a, b := &ops[r.IntN(n)], &ops[r.IntN(n)]
		if a.F == b.F && len(a.In) == 0 {
			a.Out, b.Out = b.Out, a.Out
		} else {
			a.Return = max(a.Call, a.Return-int64(r.IntN(40)))
		}
	}
	return ops
}

func sortBy(ops []*Op) {
	for i := range ops {
		for j := i; j > 0 && ops[j].Line < ops[j-1].Line; j-- {
			ops[j], ops[j-1] = ops[j-1], ops[j]
		}
	}
}

// What is judged in one pass comes to what porcupine's search comes to.
func TestAgreesWithTheSearch(t *testing.T) {
	counts := map[string]int{}
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 1))
		for _, model := range []string{Register, Queue, Append} {
			ops := random(r, model, 2+r.IntN(9), 1+r.IntN(4), seed%2 == 0)
			m := registers()
			if model != Register {
				m = lists(model)
			}
			want := porcupine.CheckOperations(m, operations(ops))
			if !want && seed%2 == 1 {
				t.Fatalf("%s %d: a true history is refused by the search", model, seed)
			}
			var got bool
			if model == Register {
				got, _ = zones(observed(ops))
			} else {
				got = (&work{model: model}).judge(ops).Answer == Holds
				if (&work{model: model}).judge(ops).Answer == CannotTell {
					continue
				}
			}
			if got != want {
				t.Fatalf("%s %d: %v, the search says %v\n%+v", model, seed, got, want, ops)
			}
			counts[fmt.Sprint(model, want)]++
		}
	}
	for _, model := range []string{Register, Queue, Append} {
		if counts[model+"true"] == 0 || counts[model+"false"] == 0 {
			t.Errorf("%s: %v", model, counts)
		}
	}
}

// A hundred thousand operations fit into the memory that is allowed, on one key too.
func TestManyOperations(t *testing.T) {
	for _, keys := range []int{1, 50} {
		for _, model := range []string{Register, Set, Append, Queue, Counter} {
			n := 100_000
			if model != Register || keys > 1 {
				n = 10_000 // as quick; for the time that the tests take
			}
			file := new(bytes.Buffer)
			lines := json.NewEncoder(file)
			value := map[string]any{}
			count := map[string][]any{}
			for i := range n {
				k := fmt.Sprint("k", i%keys)
				f, v := map[string]string{Register: "write", Set: "add", Append: "append", Queue: "enqueue", Counter: "add"}[model], any(i)
				if i >= keys && i/keys%2 == 1 {
					if f = "read"; model == Queue {
						f = "dequeue"
					}
				}
				if model == Counter {
					v = 1
				}
				if f == "read" && (model == Set || model == Append) && i < n-keys*2 && i/keys%500 != 1 {
					continue
				}
				out := v
				switch {
				case f == "read" && model == Counter:
					out = len(count[k])
				case f == "read" && model == Register:
					out = value[k]
				case f == "read":
					out = count[k]
				case f == "dequeue":
					out, count[k] = count[k][0], count[k][1:]
				default:
					value[k], count[k] = v, append(count[k], v)
				}
				_ = lines.Encode(map[string]any{"type": "invoke", "process": i % 10, "f": f, "key": k, "value": v})
				_ = lines.Encode(map[string]any{"type": "ok", "process": i % 10, "f": f, "key": k, "value": out})
			}
			began := time.Now()
			h, err := Read(file, 1<<29)
			if err != nil {
				t.Fatal(err)
			}
			v := Judge(h, model, Limits{Time: time.Minute, Memory: 1 << 28})
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			t.Logf("%s, %d keys: %d operations in %v, %d MiB", model, keys, len(h.Ops), time.Since(began), m.Sys>>20)
			if v.Answer != Holds || m.Sys > 1<<30 {
				t.Errorf("%s, %d keys: %+v, %d MiB", model, keys, v.Reason, m.Sys>>20)
			}
		}
	}
}

// A search that would take for ever, or all memory, is given up, and says so.
func TestBounds(t *testing.T) {
	ops := []Op{{Process: 99, F: "read", Out: []string{"99"}, Return: 100, Type: OK}}
	for i := range 60 { // all at once, and no order explains the read: nothing but trying them all tells
		ops = append(ops, Op{Process: int64(i), F: "cas", In: []string{fmt.Sprint(i % 7), fmt.Sprint((i*3 + 1) % 7)}, Return: 100, Type: OK},
			Op{Process: int64(i), F: "write", In: []string{fmt.Sprint(i % 7)}, Return: 100, Type: OK})
	}
	for _, limits := range []Limits{{Time: 50 * time.Millisecond, Memory: 1 << 40}, {Time: time.Hour, Memory: 1 << 16}} {
		v := Judge(&History{Ops: ops}, CAS, limits)
		if v.Answer != CannotTell || v.Reason == "" {
			t.Errorf("%v: %+v", limits, v)
		}
	}
}

// A history of a gigabyte is refused by its size, in the memory that is allowed.
func TestHuge(t *testing.T) {
	in := &endless{left: 1 << 30}
	_, err := Read(in, 1<<26)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if large := (*SizeError)(nil); !errors.As(err, &large) || m.Sys > 1<<30 {
		t.Errorf("%v, %d MiB", err, m.Sys>>20)
	}
}

type endless struct {
	left, n int
	buffer  []byte
}

func (e *endless) Read(b []byte) (int, error) {
	for len(e.buffer) < len(b) {
		e.n++
		e.buffer = append(e.buffer, text(fmt.Sprintf("0 invoke write a %d", e.n), fmt.Sprintf("0 ok write a %d", e.n))...)
	}
	n := copy(b, e.buffer)
	e.buffer = e.buffer[n:]
	return n, nil
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(text("0 invoke write a 1", "0 ok write a 1")))
	f.Add([]byte(`{:type :invoke, :f :write, :value ["a" 1], :process 0}`))
	f.Add([]byte(`[#_x #{1} (2) "\"" \a`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Read(bytes.NewReader(b), 1<<24)
		if (h == nil) == (err == nil) {
			t.Fatal(h, err)
		}
		if err != nil {
			return
		}
		for _, m := range Models() {
			Judge(h, m, Limits{Time: time.Second, Memory: 1 << 24})
		}
	})
}
