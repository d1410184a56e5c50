package listener

import "testing"

// An address is understood in each way of inet_aton(3).
func TestLiteral(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "127.1": "127.0.0.1", "10.1.2": "10.1.0.2", "2130706433": "127.0.0.1", "0x7f.1": "127.0.0.1",
		"0X7f000001": "127.0.0.1", "010.0.0.1": "8.0.0.1", "0": "0.0.0.0", "1.65535": "1.0.255.255", "fe80::1%lo": "fe80::1%lo",
		"256.1": "", "1.2.3.256": "", "1.2.3.4.5": "", "4294967296": "", "0x": "", "08.1": "", "1_0.1": "", "+1": "", "": "", "1.": "",
		".1": "", "127.0.0.1.": "", "web1": "", "0b1": "", "1.2.3": "1.2.0.3",
	} {
		ip, is := Literal(host)
		if is != (want != "") || is && ip.String() != want {
			t.Errorf("%q: %v, %v", host, ip, is)
		}
	}
}
