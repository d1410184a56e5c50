package listener

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// elsewhere looks for the address in the network namespaces of the processes, by their files in /proc, for which no
// namespace has to be entered: the sockets on the port there. ErrUnseen if it is of none of them.
func elsewhere(address netip.AddrPort, pids []int) ([]binding, error) {
	ours, _ := os.Readlink("/proc/self/ns/net")
	looked := map[string]bool{ours: true, "": true}
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid)
		namespace, _ := os.Readlink(dir + "/ns/net")
		if looked[namespace] {
			continue
		}
		looked[namespace] = true
		if !hasAddress(dir, address.Addr()) {
			continue
		}
		return table(dir, address.Port())
	}
	return nil, ErrUnseen
}

func table(dir string, port uint16) ([]binding, error) {
	four, err := readTable(dir+"/net/tcp", port)
	six, _ := readTable(dir+"/net/tcp6", port) // where there is IPv6
	return append(four, six...), err
}

// hasAddress says that an address is one of the network namespace of a process.
func hasAddress(dir string, ip netip.Addr) bool {
	if ip.Is6() {
		raw := ip.As16()
		text, _ := os.ReadFile(dir + "/net/if_inet6")
		return bytes.Contains(text, []byte(hex.EncodeToString(raw[:])))
	}
	text, _ := os.ReadFile(dir + "/net/fib_trie")
	last := ""
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "/32 host LOCAL") && last == ip.String() {
			return true
		}
		if i := strings.LastIndex(line, "|-- "); i >= 0 {
			last = strings.TrimSpace(line[i+4:])
		}
	}
	return false
}

// readTable reads the sockets that listen on a port from /proc/PID/net/tcp or tcp6: proc(5). Whether one of IPv6 takes IPv4 as
// well it does not say: it counts as if it did.
func readTable(file string, port uint16) (all []binding, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	const local, state, user, inode, columns = 1, 3, 7, 9, 10
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < columns || words[state] != "0A" {
			continue
		}
		ip, at, ok := tableAddress(words[local])
		if !ok || at != port {
			continue
		}
		b := binding{ip: ip, six: ip.Is6()}
		b.UID, _ = strconv.Atoi(words[user])
		b.Inode, _ = strconv.ParseUint(words[inode], 10, 64)
		all = append(all, b)
	}
	return all, nil
}

// tableAddress reads words of four bytes in the order of the machine, and the port.
func tableAddress(text string) (ip netip.Addr, port uint16, ok bool) {
	address, number, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	n, err2 := strconv.ParseUint(number, 16, 16)
	if err != nil || err2 != nil {
		return ip, 0, false
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	ip, ok = netip.AddrFromSlice(raw)
	return ip, uint16(n), ok
}
