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
		{"another boot and namespace", full, but(func(id *Identity) { id.Boot, id.Namespace = "6", 1 }), OtherNamespace},
		{"another namespace", full, but(func(id *Identity) { id.Namespace = 8 }), OtherNamespace},
		{"another namespace and number", full, but(func(id *Identity) { id.PID, id.Namespace = 8, 8 }), OtherNamespace},
		{"only here", full, Identity{Boot: someBoot, Namespace: 9}, Unknown},
		{"only here, rebooted", full, Identity{Boot: "6", Namespace: 9}, OtherBoot},
		{"boot not known", but(func(id *Identity) { id.Boot = "" }), full, Unknown},
		{"boot not known now", full, but(func(id *Identity) { id.Boot = "" }), Unknown},
		{"boot not known, another inode", full, but(func(id *Identity) { id.Boot, id.Inode = "", 1 }), Different},
		{"namespace not known", but(func(id *Identity) { id.Namespace = 0 }), full, Unknown},
		{"namespace not known now", full, but(func(id *Identity) { id.Namespace = 0 }), Unknown},
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
		"", "pidbox1", "pidbox2 pid=1", "pidbox3 pid=1", "pidbox1pid=1", " pidbox1 pid=1", "pidbox1  pid=1", "pidbox1 pid=1 ",
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

func TestSecondRecord(t *testing.T) {
	id := Identity{4711, 123456, someBoot, 4026531836, 98765, 4700}
	full := Record{id, 1790000000123456789, DirID{2049, 77}, "/run/a b%\xc3\xa4/web.pid", Cgroup{55, "/sys/fs/cgroup/a:b c"}}
	const group = " cgroup=55:/sys/fs/cgroup/a:b%20c"
	want := "pidbox2" + id.String()[len("pidbox1"):] +
		" changed=1790000000123456789 dir=2049:77 path=/run/a%20b%25%C3%A4/web.pid" + group
	if got := full.String(); got != want {
		t.Errorf("%s", got)
	}
	long := full
	long.Path = "/" + strings.Repeat("x", pathLimit)
	without := full
	without.Path = ""
	deep := full
	deep.Cgroup.Path = "/" + strings.Repeat("x", CgroupLimit)
	shallow := full
	shallow.Cgroup = Cgroup{}
	for text, r := range map[string]Record{
		want:                                     full,
		want + " later=1\n":                      full,
		long.String():                            without,
		deep.String():                            shallow,
		"pidbox2 pid=1 changed=-5":               {Identity: Identity{PID: 1}, Changed: -5},
		"pidbox2 pid=1 changed=5 dir=0:9":        {Identity: Identity{PID: 1}, Changed: 5, Dir: DirID{0, 9}},
		id.String():                              {Identity: id},
		"pidbox1 pid=1 changed=x dir=y path=web": {Identity: Identity{PID: 1}}, // keys that it did not know
	} {
		if got, err := ParseRecord(text); err != nil || got != r || got.Placed() != (r.Changed != 0) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if got, err := ParseIdentity(text); err != nil || got != r.Identity {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{
		"", " changed=", " changed=0", " changed=-", " changed=-0", " changed=9223372036854775808", " changed=1.5",
		" changed=1 dir=", " changed=1 dir=7", " changed=1 dir=7:", " changed=1 dir=7:0", " changed=1 dir=00:7",
		" changed=1 path=", " changed=1 path=web", " changed=1 path=/%", " changed=1 path=/%4", " changed=1 path=/%41",
		" changed=1 path=/%c3", " changed=1 path=/%00", " changed=1 path=/%+1", " dir=7:7 path=/x",
		" changed=1 path=/" + strings.Repeat("x", pathLimit),
		" changed=1 cgroup=", " changed=1 cgroup=5", " changed=1 cgroup=5:", " changed=1 cgroup=0:/x", " changed=1 cgroup=5:x",
		" changed=1 cgroup=5:/x%", " changed=1 cgroup=5:/" + strings.Repeat("x", CgroupLimit),
	} {
		if r, err := ParseRecord("pidbox2 pid=1" + bad); err == nil {
			t.Errorf("%q: %+v", bad, r)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	id := Identity{4711, 123456, someBoot, 4026531836, 98765, 4711}
	f.Add(id.String())
	f.Add(Record{id, 5, DirID{1, 2}, "/run/ä%.pid", Cgroup{3, "/sys/fs/cgroup/x"}}.String())
	f.Add("pidbox1 pid=1 later=x")
	f.Add("pidbox1 pid=1 boot=a boot=a")
	f.Add("pidbox2 pid=1 changed=-1 dir=0:1 path=/%20")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err != nil {
			if r != (Record{}) {
				t.Errorf("%+v with %v", r, err)
			}
			return
		}
		again, err := ParseRecord(r.String())
		if err != nil || again != r {
			t.Errorf("%q became %v, %v", r, again, err)
		}
		if r.Compare(r.Identity) > Same {
			t.Error(fmt.Sprint(r.Compare(r.Identity)))
		}
	})
}
