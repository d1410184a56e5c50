package pidfile

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for content, want := range map[string]int{
		"4711\n": 4711, "4711": 4711, " 4711 \n": 4711, "\t4711\r\n": 4711, "1\n": 1, "2147483647\n": 2147483647,
		"4711\n/var/lib/pg\n5432\n": 4711, "0000004711\n": 4711, "4711\n\x00\xff": 4711,
		"": 0, "\n": 0, " \t\r\n\n": 0,
	} {
		if pid, ok := parse([]byte(content)); pid != want || !ok {
			t.Errorf("parse(%q) = %d, %v; want %d", content, pid, ok, want)
		}
	}
	for _, content := range []string{"0\n", "-1\n", "+1\n", "12abc\n", "abc", "4 711\n", "1_000\n", "0x10\n", "1.0\n", "\n4711\n",
		"2147483648\n", "99999999999\n", "00000004711\n", "\x004711\n", "４７１１\n", strings.Repeat("1", 4096)} {
		if pid, ok := parse([]byte(content)); ok {
			t.Errorf("parse(%q) = %d, want garbage", content, pid)
		}
	}
}

func TestExcerpt(t *testing.T) {
	for content, want := range map[string]string{
		"12abc\n":                    `"12abc"`,
		"12abc\nmore\n":              `"12abc"...`,
		"\x1b[31m\xff\n":             `"\x1b[31m\xff"`,
		strings.Repeat("x", 40):      `"` + strings.Repeat("x", 32) + `"...`,
		"é" + strings.Repeat("x", 9): `"\u00e9xxxxxxxxx"`,
	} {
		if got := excerpt([]byte(content)); got != want {
			t.Errorf("excerpt(%q) = %s, want %s", content, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"4711\n", "", " 1", "0", "-1", "99999999999", "1\r\n2", "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		pid, ok := parse(content)
		if pid < 0 || !ok && pid != 0 {
			t.Fatalf("parse(%q) = %d, %v", content, pid, ok)
		}
		if pid > 0 {
			if again, ok := parse(format(pid)); again != pid || !ok {
				t.Fatalf("%d became %d, %v", pid, again, ok)
			}
		}
		if text := excerpt(content); strings.ContainsAny(text, "\n\x1b\x00") || len(text) > 150 {
			t.Fatalf("excerpt(%q) = %s", content, text)
		}
	})
}
