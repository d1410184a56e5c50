//go:build linux

package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

const (
	chartWidth = 860
	axisLeft   = 330 // where the axes begin
	axisWidth  = 430
	rowHeight  = 18
)

// style is that of both themes: a picture in a page takes the reader's.
const style = `<style>
text{fill:#1c2128}.head{font-weight:bold}.name,.tick{text-anchor:end}.tick{text-anchor:middle;font-size:11px}
.back{fill:#fff}.grid{stroke:#d0d7de}.peer{stroke:#57606a;fill:#fff;stroke-width:1.5}.ours{stroke:#1a7f5a;fill:#1a7f5a;stroke-width:1.5}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.back{fill:#0d1117}.grid{stroke:#30363d}.peer{stroke:#9198a1;fill:#0d1117}.ours{stroke:#3fb68b;fill:#3fb68b}}
</style>
`

// chart draws the operations that have peers as dots on a logarithmic axis, one for each unit, from which values can be read:
// a dot is a median, the line through it goes from the 10th to the 90th percentile.
func chart(results Results) []byte {
	var units []string
	for _, r := range results.Operations {
		if len(r.Contenders) > 1 && !slices.Contains(units, r.Unit) {
			units = append(units, r.Unit)
		}
	}
	var body bytes.Buffer
	y := 74
	for _, unit := range units {
		y = panel(&body, results.Operations, unit, y) + 2*rowHeight
	}
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
%s<rect width="100%%" height="100%%" class="back"/>
<text x="10" y="20">%s</text>
<circle cx="16" cy="36" r="4" class="ours"/><text x="26" y="40">pidbox</text>
<circle cx="96" cy="36" r="4" class="peer"/><text x="106" y="40">another tool; the dot is the median, the line goes from the 10th to the 90th percentile of n runs; left is better</text>
`, chartWidth, y, style, html.EscapeString(results.Machine.String()))
	svg.Write(body.Bytes())
	svg.WriteString("</svg>\n")
	return svg.Bytes()
}

// panel draws the operations of a unit below y, and returns where it ends.
func panel(to *bytes.Buffer, operations []Result, unit string, y int) int {
	var shown []Result
	low, high, rows := math.Inf(1), 0.0, 0
	for _, r := range operations {
		if r.Unit != unit || len(r.Contenders) < 2 {
			continue
		}
		shown = append(shown, r)
		rows += len(r.Contenders) + 2
		for _, m := range r.Contenders {
			low, high = min(low, visible(m.Low)), max(high, m.P90, visible(m.Median))
		}
	}
	first, last := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	last = max(last, first+1)
	at := func(v float64) float64 {
		return axisLeft + axisWidth*(math.Log10(visible(v))-first)/(last-first)
	}
	bottom := y + rows*rowHeight
	for tick := first; tick <= last; tick++ {
		v := math.Pow(10, tick)
		fmt.Fprintf(to, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" class="grid"/><text x="%.1f" y="%d" class="tick">%g %s</text><text x="%.1f" y="%d" class="tick">%g</text>`+"\n",
			at(v), y, at(v), bottom, at(v), y-6, v, unit, at(v), bottom+14, v)
	}
	for _, r := range shown {
		y += rowHeight
		fmt.Fprintf(to, `<text x="10" y="%d" class="head">%s, n = %d</text>`+"\n", y, html.EscapeString(r.Name), r.Rounds)
		for i, m := range r.Contenders {
			y += rowHeight
			class := "peer"
			if i == 0 || strings.HasPrefix(m.Name, "wait-healthy") { // with other options
				class = "ours"
			}
			fmt.Fprintf(to, `<text x="%d" y="%d" class="name">%s</text><line x1="%.1f" y1="%d" x2="%.1f" y2="%d" class="%s"/><circle cx="%.1f" cy="%d" r="4" class="%s"/><text x="%d" y="%d">%s</text>`+"\n",
				axisLeft-12, y, html.EscapeString(m.Name), at(m.Low), y-4, at(m.P90), y-4, class, at(m.Median), y-4, class, axisLeft+axisWidth+14, y, number(m.Median))
		}
		y += rowHeight
	}
	return bottom
}

// visible is a value that a logarithm can be had of.
func visible(v float64) float64 { return max(v, 0.01) }
