package notify

import (
	"os"
	"strconv"
	"time"
)

// Watchdog is how often the service manager wants WATCHDOG=1 of this process, 0 for never: sd_watchdog_enabled(3).
func Watchdog() time.Duration {
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err != nil || us <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(min(us, 1<<53)) * time.Microsecond
}
