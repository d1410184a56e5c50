package spawn

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestParseEnvFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	for _, c := range []struct{ text, want, err string }{
		{"", "", ""},
		{"A=b\n\n# c\n ; d\nexport E = f g \n", "A=b|E=f g", ""},
		{"A='x \\n \"y\"'\r\nB=\"\\\"\\\\\\$\\`\\n\\t\"\n", "A=x \\n \"y\"|B=\"\\$`\n\\t", ""},
		{"A=b'c'\nB=\nC==", "A=b'c'|B=|C==", ""},
		{"A=b\nnothing\n", "", `:2: "nothing" is not K=V`},
		{"=b\n", "", `:1: "" is not the name of a variable`},
		{"A B=c\n", "", `:1: "A B" is not the name of a variable`},
		{"A='b\n", "", ":1: the value of A: the quote is not closed on its line"},
		{"A=\"b\\\"\n", "", ":1: the value of A: the quote is not closed on its line"},
		{"A='b'c'\n", "", ":1: the value of A: text after the closing quote: \"c'\""},
		{"A=b\x00\n", "", ":1: the value of A holds a NUL"},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ParseEnvFile(file, nil, false)
		switch {
		case c.err == "" && (err != nil || strings.Join(got, "|") != c.want):
			t.Errorf("%q: got %q, %v", c.text, got, err)
		case c.err != "" && (err == nil || err.Error() != file+c.err):
			t.Errorf("%q: error %v", c.text, err)
		}
	}
}

func FuzzParseEnvLine(f *testing.F) {
	for _, s := range []string{"A=b", "A='b'", `A="\n\""`, "=", "A=\"", "A='"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		kv, err := parseEnvLine(line)
		if key, _, ok := strings.Cut(kv, "="); err == nil && (!ok || key == "" || strings.ContainsRune(kv, 0)) {
			t.Errorf("%q became %q", line, kv)
		}
	})
}

func TestMergeEnv(t *testing.T) {
	got := MergeEnv([]string{"A=1", "B=2", "A=3"}, []string{"C=4"}, []string{"B=5", "C="})
	if want := []string{"A=3", "B=5", "C="}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestParseLimit(t *testing.T) {
	show := func(b *uint64) string {
		switch {
		case b == nil:
			return "-"
		case *b == Unlimited:
			return "unlimited"
		}
		return string(rune('0' + *b))
	}
	if resources() == nil {
		t.Skip("no limits here")
	}
	for s, want := range map[string]string{
		"nofile=5": "5 5", "nofile=4:5": "4 5", "nofile=4:": "4 -", "nofile=:5": "- 5", "core=unlimited": "unlimited unlimited",
		"core=1:unlimited": "1 unlimited", "nofile=5:4": "", "nofile": "", "nofile=": "", "nofile=:": "", "none=1": "", "nofile=-1": "",
		"nofile=1k": "", "nofile=1:2:3": "", "nofile=99999999999999999999": "",
	} {
		l, err := ParseLimit(s)
		if got := show(l.Soft) + " " + show(l.Hard); err == nil && got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %s, %v", s, got, err)
		}
	}
}

func TestParseUser(t *testing.T) {
	root, err := ParseUser("root")
	if err != nil || root.UID != 0 || root.GID != 0 || root.Home == "" || len(root.Groups) == 0 {
		t.Errorf("%+v, %v", root, err)
	}
	for s, want := range map[string][2]int{"0:0": {0, 0}, "root:4711": {0, 4711}, "2000000000": {2000000000, 2000000000}, "2000000000:7": {2000000000, 7}, "root:0:8:9": {0, 0}} {
		if u, err := ParseUser(s); err != nil || u.UID != want[0] || u.GID != want[1] {
			t.Errorf("%q: %+v, %v", s, u, err)
		}
	}
	for _, s := range []string{"", ":", ":0", "root:", "no-such-user", "root:no-such-group", "-1", "4294967295", "99999999999", "0x0", "+0"} {
		if u, err := ParseUser(s); err == nil {
			t.Errorf("%q: %+v", s, u)
		}
	}
}

func TestLookPath(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/tool": 0o755, "b/tool": 0o755, "b/plain": 0o644, "c/plain": 0o755, "b/only": 0o644} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, path, want string }{
		{"tool", dir + "/b:" + dir + "/a", dir + "/b/tool"},
		{"tool", "/none::a", dir + "/a/tool"},
		{"./a/tool", "", dir + "/a/tool"},
		{"b/../a/tool", "", dir + "/b/../a/tool"},
		{dir + "/a/tool", "/none", dir + "/a/tool"},
		{"plain", dir + "/b:" + dir + "/c", dir + "/c/plain"},
	} {
		if got, err := LookPath(c.name, c.path, dir); err != nil || got != c.want {
			t.Errorf("%q in %q: %q, %v", c.name, c.path, got, err)
		}
	}
	for _, c := range []struct {
		name     string
		notFound bool
		errno    syscall.Errno
	}{
		{"none", true, syscall.ENOENT}, {"only", false, syscall.EACCES}, {"./b", false, syscall.EISDIR}, {"", true, syscall.ENOENT},
		{"./none", true, syscall.ENOENT}, {"./a/tool/x", true, syscall.ENOTDIR}, {"../" + filepath.Base(dir) + "/b/only", false, syscall.EACCES},
	} {
		_, err := LookPath(c.name, dir+"/a:"+dir+"/b", dir)
		var e *ExecError
		if !errors.As(err, &e) || e.NotFound != c.notFound || e.Errno != c.errno {
			t.Errorf("%q: %#v", c.name, err)
		}
	}
	if got, err := LookPath("sh", "", dir); err != nil || filepath.Base(got) != "sh" {
		t.Errorf("without PATH: %q, %v", got, err)
	}
}

func FuzzParseLimit(f *testing.F) {
	for _, s := range []string{"nofile=5", "nofile=4:5", "core=unlimited", "core=1:infinity", "nofile=:", "=", "nofile=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLimit(s)
		if err != nil {
			return
		}
		if l.Soft == nil && l.Hard == nil || l.Soft != nil && l.Hard != nil && *l.Soft > *l.Hard || !slices.Contains(LimitNames(), l.Name) {
			t.Errorf("%q became %v", s, l)
		}
	})
}

func TestGroupsOfAUser(t *testing.T) {
	u, err := ParseUser("root:7:8:9")
	if err != nil || u.GID != 7 || !slices.Equal(u.Groups, []int{7, 8, 9}) {
		t.Errorf("%+v, %v", u, err)
	}
	for _, s := range []string{"", ":0", "root:", "root:0:", "root::0", "root:no-such-group", "root:0:no-such-group", "no-such-user"} {
		if u, err := ParseUser(s); err == nil {
			t.Errorf("%q: %+v", s, u)
		}
	}
}

// Nothing of the caller's person reaches another user.
func TestEnvironmentOfAUser(t *testing.T) {
	base := []string{"A=b", "HOME=/root", "USER=root", "SHELL=/bin/zsh", "LOGNAME=root"}
	for _, c := range []struct {
		user *User
		want string
	}{
		{nil, "A=b HOME=/root USER=root SHELL=/bin/zsh LOGNAME=root"},
		{&User{Login: "web", Home: "/srv", Shell: "/bin/sh"}, "A=b HOME=/srv USER=web LOGNAME=web SHELL=/bin/sh"},
		{&User{Home: "/", UID: 4711}, "A=b HOME=/"},
	} {
		if got := strings.Join(c.user.Environ(base), " "); got != c.want {
			t.Errorf("%+v: %s", c.user, got)
		}
	}
	if strings.Join(base, " ") != "A=b HOME=/root USER=root SHELL=/bin/zsh LOGNAME=root" {
		t.Errorf("the caller's own was changed: %v", base)
	}
	if got := (&User{Home: "/"}).Environ(nil); !slices.Equal(got, []string{"HOME=/"}) {
		t.Errorf("of nothing: %v", got)
	}
}
