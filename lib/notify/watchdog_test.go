package notify

import (
	"os"
	"strconv"
	"testing"
	"time"
)

func TestWatchdog(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"500000", "", time.Second / 2}, {"500000", own, time.Second / 2}, {"500000", own + "1", 0},
		{"0", "", 0}, {"-5", "", 0}, {"soon", "", 0}, {"1", "", time.Microsecond}, {"9223372036854775807", "", 1 << 53 * time.Microsecond},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got := Watchdog(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
