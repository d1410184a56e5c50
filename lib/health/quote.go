package health

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuote bounds what is shown of a stranger's text.
const maxQuote = 80

// quoteLine makes a stranger's text harmless and short: its first line that is not blank, printable, after ": ".
func quoteLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if s = strings.TrimSpace(printable(s)); s == "" {
		return ""
	}
	if runes := []rune(s); len(runes) > maxQuote {
		s = string(runes[:maxQuote]) + "..."
	}
	return ": " + s
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// head keeps the beginning of what is written to it.
type head struct{ text []byte }

func (h *head) Write(p []byte) (int, error) {
	const enough = 4 * (maxQuote + 1) // bytes of UTF-8
	if room := enough - len(h.text); room > 0 {
		h.text = append(h.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
