package proc

import (
	"time"

	"pidbox/lib/proc/procfs"
)

// Identity tells a process from every other that had or will have its number. The zero value of a field means that it
// is not known.
//
// The pidfs inode is proof. Where it is missing (Linux before 6.9) the start time decides, which two processes share
// when the number comes round within one clock tick, 10 ms: only somebody who may force PIDs can do that on purpose.
// A time namespace shifts start times: there, without inodes, a process seen from another looks different.
type Identity struct {
	PID       int
	Start     uint64 // clock ticks between boot and start: field 22 of proc_pid_stat(5)
	Boot      string // the kernel's boot id
	Namespace uint64 // inode of the PID namespace in which PID is counted: that of whoever looked
	Inode     uint64 // the pidfs inode of its pidfd: never used twice within a boot; Linux 6.9
	Session   int    // its session when recorded
}

// Verdict is what a comparison of identities came to.
type Verdict int

const (
	// Unknown says that the record proves nothing: judge as if there were none.
	Unknown Verdict = iota
	// Same says that both are one process.
	Same
	// Different says that they are not.
	Different
	// OtherBoot says that the record is of an earlier boot: its process is gone.
	OtherBoot
	// OtherNamespace says that the number was counted in another PID namespace: here it means nothing, or a stranger.
	OtherNamespace
)

// String is the verdict in words.
func (v Verdict) String() string {
	switch v {
	case Same:
		return "the same process"
	case Different:
		return "another process"
	case OtherBoot:
		return "a process of an earlier boot"
	case OtherNamespace:
		return "a process of another PID namespace"
	}
	return "nothing to compare"
}

// CurrentBoot is the kernel's boot id, or empty where it cannot be read.
func CurrentBoot() string {
	if boot := procfs.BootID(); bootID(boot) {
		return boot
	}
	return ""
}

// CurrentNamespace is the inode of the caller's PID namespace, or 0 where it cannot be read.
func CurrentNamespace() uint64 { return procfs.Namespace() }

// BootTime is when the system started, on today's wall clock: a clock stepped since moves it. Zero where not known.
func BootTime() time.Time { return procfs.BootTime() }

// Here is the boot and the PID namespace of the caller. A record is to be compared with it first, for a number that
// was counted in another namespace must never be looked up.
func Here() Identity { return Identity{Boot: CurrentBoot(), Namespace: CurrentNamespace()} }

// Compare judges whether the process recorded is the one seen now. The PID namespace comes first: containers may show
// another boot id than their host, while the first namespace has the same inode in every boot. Neither inodes nor start
// times count unless both boot ids are known, for after a reboot the same number has much the same inode again.
func (recorded Identity) Compare(now Identity) Verdict {
	switch {
	case recorded.Namespace != 0 && now.Namespace != 0 && recorded.Namespace != now.Namespace:
		return OtherNamespace
	case recorded.Boot != "" && now.Boot != "" && recorded.Boot != now.Boot:
		return OtherBoot
	case recorded.PID == 0 || now.PID == 0:
		return Unknown
	case recorded.PID != now.PID:
		return Different
	}
	var equal bool
	switch {
	case recorded.Inode != 0 && now.Inode != 0:
		equal = recorded.Inode == now.Inode
	case recorded.Start != 0 && now.Start != 0:
		equal = recorded.Start == now.Start
	default:
		return Unknown
	}
	switch {
	case !equal:
		return Different
	case recorded.Boot == "" || now.Boot == "" || recorded.Namespace == 0 || now.Namespace == 0:
		return Unknown
	}
	return Same
}
