package proc

import (
	"fmt"
	"strings"
	"testing"
)

const someBoot = "5c0e9f4a-0b1d-4c3e-9a60-1f2e3d4c5b6a"

func TestCompare(t *testing.T) {
	full := Identity{PID: 7, Start: 100, Boot: someBoot, Namespace: 9, Inode: 50, Session: 7}
	but := func(change func(*Identity)) Identity {
		id := full
		change(&id)
		return id
	}
	for _, c := range []struct {
		title         string
		recorded, now Identity
		want          Verdict
	}{
		{"nothing changed", full, full, Same},
		{"the session does not count", full, but(func(id *Identity) { id.Session = 1 }), Same},
		{"a time namespace shifted the start", full, but(func(id *Identity) { id.Start = 1 }), Same},
		{"the same tick, another inode", full, but(func(id *Identity) { id.Inode = 51 }), Different},
		{"no inode now", full, but(func(id *Identity) { id.Inode = 0 }), Same},
		{"no inode now, another start", full, but(func(id *Identity) { id.Inode, id.Start = 0, 101 }), Different},
		{"no inode recorded", but(func(id *Identity) { id.Inode = 0 }), full, Same},
		{"no start now", full, but(func(id *Identity) { id.Start = 0 }), Same},
		{"neither", but(func(id *Identity) { id.Inode = 0 }), but(func(id *Identity) { id.Start = 0 }), Unknown},
		{"another number", full, but(func(id *Identity) { id.PID = 8 }), Different},
		{"another boot", full, but(func(id *Identity) { id.Boot = "6" + someBoot[1:] }), OtherBoot},
		{"another boot and namespace", full, but(func(id *Identity) { id.Boot, id.Namespace = "6", 1 }), OtherBoot},
		{"another namespace", full, but(func(id *Identity) { id.Namespace = 8 }), OtherNamespace},
		{"another namespace and number", full, but(func(id *Identity) { id.PID, id.Namespace = 8, 8 }), OtherNamespace},
		{"only here", full, Identity{Boot: someBoot, Namespace: 9}, Unknown},
		{"only here, rebooted", full, Identity{Boot: "6", Namespace: 9}, OtherBoot},
		{"boot not known", but(func(id *Identity) { id.Boot = "" }), full, Unknown},
		{"boot not known now", full, but(func(id *Identity) { id.Boot = "" }), Unknown},
		{"boot not known, another inode", full, but(func(id *Identity) { id.Boot, id.Inode = "", 1 }), Different},
		{"namespace not known", but(func(id *Identity) { id.Namespace = 0 }), full, Unknown},
		{"only the number", Identity{PID: 7}, Identity{PID: 7}, Unknown},
		{"no record", Identity{}, full, Unknown},
	} {
		if got := c.recorded.Compare(c.now); got != c.want {
			t.Errorf("%s: %v, want %v", c.title, got, c.want)
		}
	}
}

func TestVerdictsHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for v := Unknown; v <= OtherNamespace; v++ {
		seen[v.String()] = true
	}
	if len(seen) != 5 {
		t.Error(seen)
	}
}

func TestRecord(t *testing.T) {
	full := Identity{4711, 123456, someBoot, 4026531836, 1<<64 - 1, 4700}
	const want = "pidbox1 pid=4711 start=123456 boot=" + someBoot +
		" pidns=4026531836 inode=18446744073709551615 session=4700"
	if got := full.String(); got != want {
		t.Errorf("%s", got)
	}
	for text, id := range map[string]Identity{
		want:                           full,
		want + "\n":                    full,
		"pidbox1 pid=1":                {PID: 1},
		"pidbox1 color=blue pid=1 x=":  {PID: 1},
		"pidbox1 inode=5 pid=1":        {PID: 1, Inode: 5},
		"pidbox1 pid=2147483647":       {PID: 1<<31 - 1},
		"pidbox1 pid=1 boot=0123-abef": {PID: 1, Boot: "0123-abef"},
	} {
		if got, err := ParseIdentity(text); err != nil || got != id {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestRecordDamaged(t *testing.T) {
	for _, text := range []string{
		"", "pidbox1", "pidbox2 pid=1", "pidbox1pid=1", " pidbox1 pid=1", "pidbox1  pid=1", "pidbox1 pid=1 ",
		"pidbox1 pid=1\n\n", "pidbox1 pid=0", "pidbox1 pid=-1", "pidbox1 pid=+1", "pidbox1 pid=01", "pidbox1 pid=1x",
		"pidbox1 pid=", "pidbox1 pid", "pidbox1 =1 pid=1", "pidbox1 pid=2147483648", "pidbox1 pid=1 pid=1",
		"pidbox1 pid=1 new=1 new=2", "pidbox1 start=5", "pidbox1 pid=1 start=18446744073709551616",
		"pidbox1 pid=1 boot=", "pidbox1 pid=1 boot=UPPER", "pidbox1 pid=1 boot=" + strings.Repeat("a", 65),
		"pidbox1 pid=1 inode=0x5", "pidbox1 pid=1 x=\x00", "pidbox1 pid=1 x=ä", "pidbox1 PID=1",
		"pidbox1 pid=1 x=" + strings.Repeat("a", recordLimit),
	} {
		if id, err := ParseIdentity(text); err == nil || id != (Identity{}) {
			t.Errorf("%q: %v, %v", text, id, err)
		}
	}
}

func FuzzParseIdentity(f *testing.F) {
	f.Add(Identity{4711, 123456, someBoot, 4026531836, 98765, 4711}.String())
	f.Add("pidbox1 pid=1 later=x")
	f.Add("pidbox1 pid=1 boot=a boot=a")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseIdentity(text)
		if err != nil {
			return
		}
		again, err := ParseIdentity(id.String())
		if err != nil || again != id {
			t.Errorf("%q became %v, %v", id, again, err)
		}
		if id.Compare(id) > Same {
			t.Error(fmt.Sprint(id.Compare(id)))
		}
	})
}
