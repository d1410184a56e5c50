package proc

// Identity tells a process from every other that had or will have its number. The zero value of a field means that it
// is not known.
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
	// Unknown says that the record has nothing that can be compared: judge as if there were none.
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
	return "cannot be compared"
}

// Here is the boot and the PID namespace of the caller: compare a record with it before looking its number up, for a
// number of another namespace must never be.
func Here() Identity { return Identity{Boot: currentBoot(), Namespace: currentNamespace()} }

// CurrentBoot is the kernel's boot id, or empty.
func CurrentBoot() string { return currentBoot() }

// CurrentNamespace is the inode of the caller's PID namespace, or 0.
func CurrentNamespace() uint64 { return currentNamespace() }

// Compare judges whether the process recorded is the one seen now.
func (recorded Identity) Compare(now Identity) Verdict {
	return Unknown
}

// String is the record on one line, as ParseIdentity reads it.
func (id Identity) String() string { return "" }

// ParseIdentity reads what String wrote. It is strict, so that a damaged record counts as none, except that keys of
// later versions are passed over.
func ParseIdentity(s string) (Identity, error) { return Identity{}, errNotYet }
