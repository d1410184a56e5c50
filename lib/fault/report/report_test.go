package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func sample() *Run {
	t := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(s float64) time.Time { return t.Add(time.Duration(s * float64(time.Second))) }
	return &Run{Name: "<etcd> & co", Seed: 7, Started: t, Ended: at(20), Members: []string{"m1", "m2"},
		Cases: []Case{
			{Name: "kill-leader", Round: 1, Fault: "kill", Targets: []string{"m1"}, Outcome: Pass, Started: at(0), Injected: at(1),
				Healed: at(4), Ended: at(8), Failover: 1234 * time.Millisecond, Recover: 2 * time.Second, Tries: 2},
			{Name: "cut", Round: 1, Fault: "isolate", Targets: []string{"m1", "m2"}, Outcome: Fail, Started: at(8), Ended: at(19),
				Reason: "check: \"<b>\x00\xff\"", Packets: 42, Archives: []string{"/a/1"}},
			{Name: "slow", Round: 1, Outcome: Skip, Started: at(19), Ended: at(20), Reason: "not supported here:\n\tnot at all"},
		},
		Spans: []Span{{"m1", State, "running", at(0), at(1)}, {"m1", Fault, "drop <m2>", at(9), at(15)}, {"m2", Health, "healthy", at(0), at(20)}},
	}
}

func TestText(t *testing.T) {
	r := sample()
	if got := r.Cases[0].Line(); got != "PASS round 1 kill-leader on m1, failed over in 1.23s, recovered in 2.00s" {
		t.Error(got)
	}
	var b strings.Builder
	if err := Table(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kill-leader  m1 ", "1.23s ", "2 tries", "not supported here: not at all\n", "1 passed, 1 failed, 1 skipped in 20s (seed 7)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestJSON(t *testing.T) {
	r := sample()
	var b strings.Builder
	_ = JSON(&b, r.Cases[2])
	_ = JSON(&b, r.Summary())
	d := json.NewDecoder(strings.NewReader(b.String()))
	var c Case
	var s Summary
	if err := errors.Join(d.Decode(&c), d.Decode(&s)); err != nil || c.Outcome != Skip || s.Failed != 1 || s.Name != r.Name {
		t.Errorf("%v %+v %+v", err, c, s)
	}
}

// Both are well-formed whatever stands in the names, and hold what they must tell.
func TestMarkup(t *testing.T) {
	for name, write := range map[string]func(io.Writer, *Run) error{"junit": JUnit, "html": HTML} {
		r := sample()
		r.Error = "agent of m2 is gone"
		var b strings.Builder
		if err := write(&b, r); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for _, want := range []string{"&lt;etcd&gt; &amp; co", "kill-leader", "&lt;b&gt;??", "not supported here", "agent of m2 is gone"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
		if name == "junit" {
			d := xml.NewDecoder(strings.NewReader(text))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%v in\n%s", err, text)
				}
			}
		} else if strings.Contains(text, "http") || strings.Contains(text, "<script") {
			t.Error("the page needs the network or a script")
		}
	}
}

// The page has a legend of all that it draws, says how to do the same again, and alarms nobody by what there was none of.
func TestPage(t *testing.T) {
	r := sample()
	r.Repeat, r.Host = "fault-tester run etcd.yaml --seed 7", "builder"
	var b strings.Builder
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	want := []string{"<code>fault-tester run etcd.yaml --seed 7</code>", "On builder."}
	for _, s := range append(r.Spans, Span{Value: "new"}, Span{Value: "unreachable"}, Span{Value: "exited"}) {
		if s.Lane != Fault {
			want = append(want, "<i class=\""+strings.Fields(s.Value)[0]+"\">")
		}
	}
	for _, o := range []Outcome{Pass, Fail, Skip, Unknown} {
		if class := "<b class=\"" + string(o) + "\">0 "; strings.Contains(page, class) {
			t.Errorf("none of %s, in its colour", o)
		}
	}
	for _, w := range want {
		if !strings.Contains(page, w) {
			t.Errorf("no %s in\n%s", w, page)
		}
	}
}

// What is written is read again as it was.
func TestCaseIsReadAgain(t *testing.T) {
	c := Case{Name: "a", Outcome: Pass, Failover: 1500 * time.Millisecond, Recover: 2 * time.Second, FirstOK: 250 * time.Millisecond}
	var b strings.Builder
	var got Case
	if err := JSON(&b, c); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil || got.Failover != c.Failover || got.Recover != c.Recover || got.FirstOK != c.FirstOK || got.Name != "a" {
		t.Errorf("%v %+v", err, got)
	}
}
