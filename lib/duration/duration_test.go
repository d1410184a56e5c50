package duration

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "1m30s": 90 * time.Second, "20": 20 * time.Second, "0.5": time.Second / 2,
		"0": 0, "-0": 0, ".5": time.Second / 2, "5.": 5 * time.Second, "1h": time.Hour, "+3s": 3 * time.Second,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"": "not a duration", "x": "not a duration", "1e3": "not a duration", "NaN": "not a duration", "Inf": "not a duration",
		"0x10": "not a duration", "1 s": "not a duration", "1.2.3": "not a duration", "--1": "not a duration", "5d": "not a duration",
		".": "not a duration", "-1": "negative", "-5s": "negative", "9999999999999": "longer than 292 years",
		"99999999999999999999": "longer than 292 years", "9999999999h": "not a duration", "1\n": "not a duration",
	} {
		if d, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, %v; want %s", text, d, err, want)
		}
	}
}

func TestFormatIsReadBack(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 20 * time.Second: "20s", time.Minute: "1m", 90 * time.Second: "1m30s", time.Hour: "1h",
		time.Hour + time.Minute: "1h1m", 1500 * time.Millisecond: "1.5s", time.Hour + time.Second: "1h0m1s",
	} {
		if got := Format(d); got != want {
			t.Errorf("Format(%v) = %s, want %s", d, got, want)
		}
		if got, err := Parse(Format(d)); err != nil || got != d {
			t.Errorf("Parse(Format(%v)) = %v, %v", d, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"20", "0.5", "1m30s", "-1", "9e9", "1h1", "..", "+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		if back, err := Parse(Format(d)); d < 0 || err != nil || back != d {
			t.Fatalf("Parse(%q) = %v, read back as %v, %v", text, d, back, err)
		}
	})
}
