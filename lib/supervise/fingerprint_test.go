package supervise

import (
	"strings"
	"testing"

	"pidbox/lib/proc"
)

func TestFingerprintTellsEveryFieldApart(t *testing.T) {
	base := Fingerprint{Path: "/bin/a", Args: []string{"a", "b"}, Env: []string{"K=V"}, Dir: "/", User: "1 1 [1]"}
	salt := make([]byte, saltSize)
	seen := map[string]int{base.sum(salt): -1}
	for i, other := range []Fingerprint{
		{Path: "/bin/b", Args: base.Args, Env: base.Env, Dir: base.Dir, User: base.User},
		{Path: base.Path, Args: []string{"a b"}, Env: base.Env, Dir: base.Dir, User: base.User},
		{Path: base.Path, Args: []string{"ab", ""}, Env: base.Env, Dir: base.Dir, User: base.User},
		{Path: base.Path, Args: []string{"a", "b", "K=V"}, Dir: base.Dir, User: base.User},
		{Path: base.Path, Args: []string{"a"}, Env: []string{"b", "K=V"}, Dir: base.Dir, User: base.User},
		{Path: base.Path, Args: base.Args, Env: []string{"K=W"}, Dir: base.Dir, User: base.User},
		{Path: base.Path, Args: base.Args, Env: base.Env, Dir: "/tmp", User: base.User},
		{Path: base.Path, Args: base.Args, Env: base.Env, Dir: base.User, User: base.Dir},
		{Path: base.Path + base.Dir, Args: base.Args, Env: base.Env, User: base.User},
	} {
		sum := other.sum(salt)
		if j, same := seen[sum]; same {
			t.Errorf("%d and %d have one sum", i, j)
		}
		seen[sum] = i
	}
}

func TestRecord(t *testing.T) {
	f := Fingerprint{Path: "/bin/a", Args: []string{"a"}, Env: []string{"PASSWORD=hunter2"}}
	child, supervisor := proc.Identity{PID: 7, Start: 8, Boot: "b"}, proc.Identity{PID: 9, Start: 10, Boot: "b"}
	r := newRecord(child, supervisor, f)
	if again := newRecord(child, supervisor, f); again.sum == r.sum {
		t.Error("the same sum twice: no salt")
	}
	got, err := parseRecord(r.String())
	if err != nil || got != r || !got.runs(f) {
		t.Errorf("%+v, %v, from %q", got, err, r)
	}
	if strings.Contains(r.String(), "hunter2") || strings.Contains(r.String(), "PASSWORD") {
		t.Error("a secret is in it")
	}
	f.Env = nil
	if got.runs(f) {
		t.Error("it runs another command")
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add(newRecord(proc.Identity{PID: 7, Start: 8}, proc.Identity{PID: 9}, Fingerprint{}).String())
	f.Add(recordVersion + "\n \n\n\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRecord(text)
		if err == nil && r.runs(Fingerprint{Path: "/nowhere"}) {
			t.Errorf("%q is the record of a command it was not made of", text)
		}
	})
}
