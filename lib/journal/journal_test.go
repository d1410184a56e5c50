package journal

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"testing"
)

// What read the lines of log/slog reads these.
func TestAsSlog(t *testing.T) {
	levels := map[Level]slog.Level{Debug: slog.LevelDebug, Info: slog.LevelInfo, Warn: slog.LevelWarn, Error: slog.LevelError}
	values := []any{"", "a", "a b", `a"b`, "a=b", "a\nb", "<é>", "\xff", "a\\b", "\u200b", 3, int64(4), true, 0.5}
	for _, json := range []bool{false, true} {
		for level, theirs := range levels {
			var got, want bytes.Buffer
			options := &slog.HandlerOptions{Level: slog.LevelInfo}
			var handler slog.Handler = slog.NewTextHandler(&want, options)
			if json {
				handler = slog.NewJSONHandler(&want, options)
			}
			l, s := New(&got, json, Info), slog.New(handler)
			for _, v := range values {
				l.Log(level, "not stopped", "pid", 1, "error", v)
				s.Log(context.Background(), theirs, "not stopped", "pid", 1, "error", v)
				l.Log(level, "plain")
				s.Log(context.Background(), theirs, "plain")
			}
			time := regexp.MustCompile(`(?m)^(time=|{"time":")[0-9T:.-]+(Z|[+-]\d\d:\d\d)`)
			a, b := time.ReplaceAllString(got.String(), "$1"), time.ReplaceAllString(want.String(), "$1")
			if a != b || level == Debug && a != "" {
				t.Errorf("%v json=%v:\n%s\nwant\n%s", level, json, a, b)
			}
		}
	}
	Discard().Error("nothing")
}
