package jsonline

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestAsEncodingJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	got := new(Object).Field("text", "a\"\\\n\r\t\b\f\x01<&>\u2028é\xff\x7f").Field("n", -3).Field("big", int64(math.MaxInt64)).Field("f", 0.25).
		Field("yes", true).Field("at", at).Field("in", new(Object).Field("x", "")).Field("none", nil).
		Field("no", []*Object{}).Field("two", []*Object{new(Object).Field("y", 1), {}}).
		Some("a", "").Some("b", 0).Some("c", 0.0).Some("d", false).Some("e", 1).String()
	want, err := json.Marshal(struct {
		Text string         `json:"text"`
		N    int            `json:"n"`
		Big  int64          `json:"big"`
		F    float64        `json:"f"`
		Yes  bool           `json:"yes"`
		At   time.Time      `json:"at"`
		In   map[string]any `json:"in"`
		None any            `json:"none"`
		No   []any          `json:"no"`
		Two  []any          `json:"two"`
		E    int            `json:"e"`
	}{"a\"\\\n\r\t\b\f\x01<&>\u2028é\xff\x7f", -3, math.MaxInt64, 0.25, true, at, map[string]any{"x": ""}, nil, []any{}, []any{map[string]int{"y": 1}, struct{}{}}, 1})
	if err != nil || got != string(want) {
		t.Errorf("%s\nwant %s, %v", got, want, err)
	}
	for _, f := range []float64{0, -0.5, 1e-6, 9.99e-7, 1e-9, 1.5e-12, 1e20, 1e21, 1e100, 123456.789} {
		want, _ := json.Marshal(map[string]float64{"f": f})
		if got := new(Object).Field("f", f).String(); got != string(want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// FuzzParse holds Parse to encoding/json: what it accepts that accepts too, with the same values, and what Object writes is
// read back.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, ` {"a" : "b\n\u00e9\ud83d\ude00\ud83dx", "n":-1.5e3, "t":true,"f":false,"z":null,"o":{"p":{}}} `,
		`{"a":1,}`, `{"a":[]}`, `{"a":01}`, `{"a"`, `{"a":"\`, `{"a":"\u12`, `{"a":"` + "\xff" + `"}`, `{"o":{"o":{"o":{"o":{}}}}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s)
		if err != nil {
			return
		}
		var want map[string]any
		if json.Unmarshal([]byte(s), &want) == nil && !reflect.DeepEqual(got, want) { // it is stricter about numbers and control characters
			t.Errorf("%q: %v, want %v", s, got, want)
		}
		again, err := Parse(new(Object).Field("s", s).String())
		if v, _ := again["s"].(string); err != nil || v != string([]rune(s)) {
			t.Errorf("%q: read back %q, %v", s, v, err)
		}
	})
}

func TestRefused(t *testing.T) {
	for _, s := range []string{"", "x", "{", `{"a"}`, `{"a":}`, `{"a":[]}`, `{"a":1,}`, `{} x`, `{"a":"\q"}`, `{"a":"\u12"}`, `{a:1}`, `{"a":--1}`} {
		if got, err := Parse(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}
