//go:build !linux

package child

// CollectOrphans does nothing: PID 1 of these systems is init itself.
func CollectOrphans() *Orphans { return nil }

// CollectInherited does nothing either.
func CollectInherited() *Orphans { return nil }

func (*Orphans) collect() {}
