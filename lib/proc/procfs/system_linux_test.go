package procfs

import (
	"errors"
	"testing"
	"time"
)

// TestBootTime reads clocks that stand still but where the reader is held up: before the wall clock is read, or after it.
func TestBootTime(t *testing.T) {
	start := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		delays []time.Duration // before each reading of the wall clock, and after it, in turn; then none
		off    time.Duration   // how far the answer may be off
	}{
		"never held up":             {nil, 0},
		"held up before":            {[]time.Duration{time.Minute, 0}, 0},
		"held up after":             {[]time.Duration{0, time.Minute}, 0},
		"held up three times":       {[]time.Duration{time.Second, 0, 0, time.Hour, time.Second, time.Second}, 0},
		"a little is near enough":   {[]time.Duration{0, 90 * time.Microsecond}, 45 * time.Microsecond},
		"always, once only briefly": {append([]time.Duration{time.Second, 0, time.Millisecond, 0}, longer(40)...), time.Millisecond / 2},
	} {
		var up time.Duration
		wait := func() {
			if len(c.delays) > 0 {
				up, c.delays = up+c.delays[0], c.delays[1:]
			}
		}
		now := func() time.Time {
			wait()
			read := start.Add(up)
			wait()
			return read
		}
		boot := bootTime(now, func() (time.Duration, error) { return up, nil })
		if off := boot.Sub(start).Abs(); off > c.off {
			t.Errorf("%s: the boot is %v off", name, off)
		}
	}
	for failing := range 2 {
		n := 0
		if boot := bootTime(time.Now, func() (time.Duration, error) {
			if n++; n > failing {
				return 0, errors.New("no such clock")
			}
			return time.Hour, nil
		}); !boot.IsZero() {
			t.Errorf("reading %d fails, and the boot was %v", failing, boot)
		}
	}
}

func longer(n int) (delays []time.Duration) {
	for range n {
		delays = append(delays, time.Second)
	}
	return delays
}
