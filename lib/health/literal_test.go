package health

import "testing"

func TestLiteral(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "127.1": "127.0.0.1", "10.1.2": "10.1.0.2", "2130706433": "127.0.0.1", "0x7f.1": "127.0.0.1",
		"0X7f000001": "127.0.0.1", "010.0.0.1": "8.0.0.1", "0": "0.0.0.0", "1.65535": "1.0.255.255", "fe80::1%lo": "fe80::1%lo",
		"256.1": "", "1.2.3.256": "", "1.2.3.4.5": "", "4294967296": "", "0x": "", "08.1": "", "1_0.1": "", "+1": "", "": "", "1.": "",
		".1": "", "127.0.0.1.": "", "web1": "", "0b1": "", "1.2.3": "1.2.0.3",
	} {
		ip, is := literal(host)
		if is != (want != "") || is && ip.String() != want {
			t.Errorf("%q: %v, %v", host, ip, is)
		}
	}
}

// Targets that are written in more than one way.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"tcp://[fe80::1%lo]:1":     "tcp://[fe80::1%lo]:1",
		"[fe80::1%lo]:1":           "tcp://[fe80::1%lo]:1",
		"http://[fe80::1%25lo]:1/": "http://[fe80::1%25lo]:1/",
		"http://[fe80::1%lo]:1/":   "http://[fe80::1%25lo]:1/",
		"file://localhost/tmp/x":   "file:/tmp/x",
		"file:///tmp/x":            "file:/tmp/x",
		"http://a/[b%20c]":         "http://a/[b%20c]",
	} {
		check, err := Parse(target, Options{})
		if err != nil {
			t.Errorf("%s: %v", target, err)
		} else if check.String() != want {
			t.Errorf("%s: %s", target, check)
		}
	}
}
