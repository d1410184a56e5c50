//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestChart holds that values can be compared across operations: one axis for a unit, dots in the order of their medians,
// each with its spread and its number of runs, and both themes.
func TestChart(t *testing.T) {
	svg := string(chart(Results{Operations: []Result{
		{Name: "a <b>", Unit: "ms", Rounds: 50, Contenders: []Measured{{"pidbox", 1, 2, 3, 1}, {"sh", 10, 20, 400, 10}}},
		{Name: "alone", Unit: "ms", Rounds: 50, Contenders: []Measured{{"pidbox", 1, 2, 3, 1}}},
		{Name: "wait", Unit: "ms", Rounds: 9, Contenders: []Measured{{"pidbox", 70, 76, 80, 1}, {"wait-healthy --interval 10ms", 5, 6, 7, 0.1}, {"nothing", 0, 0, 0, 0}}},
		{Name: "memory", Unit: "kB", Rounds: 3, Contenders: []Measured{{"pidbox", 1900, 1950, 2000, 1}, {"runsv", 300, 309, 310, 0.2}}},
	}}))
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for text, times := range map[string]int{"a &lt;b&gt;, n = 50": 1, ">100 ms<": 1, ">1000 kB<": 1, "prefers-color-scheme:dark": 1, "alone": 0,
		`class="peer"/><text`: 4, `class="ours"/><text`: 5, "NaN": 0, "Inf": 0} {
		if n := strings.Count(svg, text); n != times {
			t.Errorf("%q is there %d times, not %d", text, n, times)
		}
	}
	dot := func(name string) float64 {
		m := regexp.MustCompile(regexp.QuoteMeta(name) + `</text><line x1="([0-9.]+)" [^>]* x2="([0-9.]+)" [^>]*><circle cx="([0-9.]+)"`).FindStringSubmatch(svg)
		if m == nil {
			t.Fatalf("no dot of %s", name)
		}
		var x [3]float64
		for i := range x {
			x[i], _ = strconv.ParseFloat(m[i+1], 64)
		}
		if x[0] > x[2] || x[2] > x[1] {
			t.Errorf("%s: %v is not low, high and a median between them", name, x)
		}
		return x[2]
	}
	if a, b, c := dot("nothing"), dot("wait-healthy --interval 10ms"), dot("sh"); !(a < b && b < c && a >= axisLeft && c <= axisLeft+axisWidth) {
		t.Errorf("0, 6 and 20 ms are at %v, %v and %v", a, b, c)
	}
}
