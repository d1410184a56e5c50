package multicall

// version is stamped at link time: -ldflags "-X pidbox/lib/multicall.version=1.2.3".
var version string

// Version is the stamped version, or "devel".
func Version() string {
	if version == "" {
		return "devel"
	}
	return version
}
