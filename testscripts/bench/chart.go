//go:build linux

package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// chart draws the operations that have peers: a bar for each contender, on a logarithmic axis of multiples of pidbox's.
func chart(results Results) []byte {
	const left, width, bar, gap = 300, 420, 16, 34
	var body bytes.Buffer
	y := 40
	for _, r := range results.Operations {
		if len(r.Contenders) < 2 {
			continue
		}
		fmt.Fprintf(&body, `<text x="10" y="%d" class="head">%s, %s</text>`+"\n", y, html.EscapeString(r.Name), r.Unit)
		y += 8
		low, high := math.Inf(1), 0.0
		for _, m := range r.Contenders {
			low, high = min(low, max(m.Median, 0.01)), max(high, m.Median)
		}
		low /= 2
		for i, m := range r.Contenders {
			class := "peer"
			if i == 0 {
				class = "ours"
			}
			w := int(width * math.Log(max(m.Median, low*1.01)/low) / math.Log(max(high, low*1.1)/low))
			fmt.Fprintf(&body, `<text x="%d" y="%d" class="name">%s</text><rect x="%d" y="%d" width="%d" height="%d" class="%s"/><text x="%d" y="%d">%s</text>`+"\n",
				left-8, y+12, html.EscapeString(m.Name), left, y, w, bar-3, class, left+w+6, y+11, number(m.Median))
			y += bar
		}
		y += gap
	}
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="800" height="%d" font-family="sans-serif" font-size="12">
<style>.head{font-weight:bold}.name{text-anchor:end}.ours{fill:#2a7f62}.peer{fill:#9aa5b1}</style>
<rect width="100%%" height="100%%" fill="white"/>
<text x="10" y="20">Medians; shorter is better; each axis is logarithmic. %s</text>
`, y, html.EscapeString(results.Machine.String()))
	svg.Write(body.Bytes())
	svg.WriteString("</svg>\n")
	return svg.Bytes()
}
