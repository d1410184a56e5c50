package supervise

import (
	"slices"
	"testing"
)

// What the loader has changed is not given up: it would come back as it is in the file.
func TestUnchanged(t *testing.T) {
	const maps = `00400000-00401000 r-xp 00000000 fe:00 11 /bin/pidbox
00401000-00402000 r--p 00001000 fe:00 11 /bin/pidbox
00402000-00403000 rw-p 00002000 fe:00 11 /bin/pidbox
00403000-00404000 r-xp 00000000 fe:00 12 /bin/other
00404000-00405000 rw-p 00000000 00:00 0
`
	code, data := [2]uintptr{0x400000, 0x401000}, [2]uintptr{0x401000, 0x402000}
	if got := unchanged(maps, "/bin/pidbox", true); !slices.Equal(got, [][2]uintptr{code, data}) {
		t.Errorf("%x", got)
	}
	if got := unchanged(maps, "/bin/pidbox", false); !slices.Equal(got, [][2]uintptr{code}) {
		t.Errorf("loaded anywhere: %x", got)
	}
}
