package multicall

import "runtime"

// version and commit are stamped at link time: -ldflags "-X pidbox/lib/multicall.version=1.2.3".
var version, commit string

// Version is the stamped version, or "devel".
func Version() string {
	if version == "" {
		return "devel"
	}
	return version
}

// origin is of what and by what the binary was built.
func origin() string {
	text := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	if commit != "" {
		return "commit " + commit + ", " + text
	}
	return text
}
