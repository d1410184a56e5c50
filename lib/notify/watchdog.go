package notify

import (
	"os"
	"strconv"
	"strings"
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

// ForWatchdog says that a variable, as K=V, is one by which a service manager says that it wants WATCHDOG=1, and of whom.
func ForWatchdog(kv string) bool {
	return strings.HasPrefix(kv, "WATCHDOG_USEC=") || strings.HasPrefix(kv, "WATCHDOG_PID=")
}
