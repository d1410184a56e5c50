package spawn

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pidbox/lib/fork"
)

// credentials gives up capabilities and becomes the user. A capability survives the change of user only by
// PR_SET_KEEPCAPS, and the exec after it only in the ambient set (capabilities(7)).
func (p *plan) credentials() error {
	const step = "keep only the capabilities asked for"
	var kept []uintptr
	if p.cmd.Capabilities != nil {
		var err error
		if kept, err = capabilityNumbers(*p.cmd.Capabilities); err != nil {
			return err
		}
		p.bound(step, kept)
		p.do(step, fork.Must, unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
	}
	p.become()
	if p.cmd.Capabilities == nil {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for _, c := range kept {
		data[c/32].Effective |= 1 << (c % 32)
	}
	for i := range data {
		data[i].Permitted, data[i].Inheritable = data[i].Effective, data[i].Effective
	}
	p.do(step, fork.Must, unix.SYS_CAPSET, address(p, &header), address(p, &data))
	p.do(step, fork.May, unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	for _, c := range kept {
		p.do(step, fork.Must, unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0)
	}
	return nil
}

// bound keeps the command from more than is kept, by a set-user-ID file for example. A caller without CAP_SETPCAP may not
// say so, but may have it get nothing at all that way.
func (p *plan) bound(step string, kept []uintptr) {
	if !holds(unix.CAP_SETPCAP) {
		p.do(step, fork.Must, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
		return
	}
	for c := uintptr(0); ; c++ {
		set, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if err != nil {
			return // the last one was the one before
		}
		if set == 1 && !slices.Contains(kept, c) {
			p.do(step, fork.Must, unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		}
	}
}

// become changes the user. One that is the caller already keeps its groups where it may not set them: without privilege,
// and in a user namespace that denies setgroups(2).
func (p *plan) become() {
	u := p.cmd.User
	if u == nil {
		return
	}
	groupsMust := int32(fork.Must)
	if u.isCaller() {
		groupsMust = fork.May
	}
	step := fmt.Sprintf("become the user %s", u.Name)
	groups := make([]uint32, len(u.Groups)+1) // never empty, to have an address
	for i, g := range u.Groups {
		groups[i] = uint32(g)
	}
	p.do(step, groupsMust, setgroups, uintptr(len(u.Groups)), address(p, &groups[0]))
	p.do(step, fork.Must, setresgid, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID))
	p.do(step, fork.Must, setresuid, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID))
}

// isCaller holds for a caller that names itself.
func (u *User) isCaller() bool {
	return os.Getuid() == u.UID && os.Geteuid() == u.UID && os.Getgid() == u.GID && os.Getegid() == u.GID
}

func capabilityNumbers(names []string) ([]uintptr, error) {
	var numbers []uintptr
	for _, name := range names {
		i := slices.Index(capabilityNames(), strings.TrimPrefix(strings.ToLower(name), "cap_"))
		if i < 0 {
			return nil, fmt.Errorf("there is no capability %q; there are %s", name, strings.Join(capabilityNames(), ", "))
		}
		numbers = append(numbers, uintptr(i))
	}
	return numbers, nil
}

// capabilityNames are those of capabilities(7), by number.
func capabilityNames() []string {
	return strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
		net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace
		sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control
		setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore`)
}

// ParseCapabilities reads names separated by commas, with or without "cap_"; "none" is the empty list.
func ParseCapabilities(s string) (*[]string, error) {
	names := []string{}
	if s != "none" {
		names = strings.Split(s, ",")
	}
	_, err := capabilityNumbers(names)
	return &names, err
}
