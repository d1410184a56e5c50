package pidfile

import (
	"fmt"
	"os"
	"testing"

	"pidbox/lib/resolve"
)

// Whatever comes after whatever, a Reader says of a file what Read says of it.
func TestReader(t *testing.T) {
	dir, other := safeDir(t), safeDir(t)
	p := sleeper(t)
	for _, d := range []string{dir, other} {
		r, err := Claim(t.Context(), d+"/web.pid", p, Rules{}, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		write(t, d+"/garbage.pid", "12abc\n")
		write(t, d+"/empty.pid", "")
		must(t, os.Symlink("web.pid", d+"/link.pid"))
		must(t, os.Mkdir(d+"/sub", 0o755))
		must(t, os.Symlink(dir, d+"/sub/there"))
	}
	write(t, other+"/open.pid", "1\n")
	must(t, os.Chmod(other+"/open.pid", 0o666))
	var paths []string
	for _, d := range []string{dir, other, dir + "/sub/there", other + "/sub/there", dir + "/missing"} {
		for _, name := range []string{"web.pid", "garbage.pid", "no.pid", "link.pid", "empty.pid", "open.pid", "sub", "", ".", "..", "web.pid/x", "sub/../web.pid"} {
			paths = append(paths, d+"/"+name)
		}
	}
	said := func(h *Holder, err error) string {
		if err != nil {
			return fmt.Sprintf("%T %v", err, err)
		}
		defer h.Close()
		return fmt.Sprint(h.Path, h.State, h.PID, h.Why, h.Proof, h.Process != nil, h.seen.word)
	}
	for _, rules := range []Rules{{}, {AllowInsecure: true}} {
		r := &Reader{Rules: rules}
		defer r.Close()
		for i := range paths {
			for _, path := range []string{paths[i], paths[(i*7+3)%len(paths)]} {
				if got, want := said(r.Read(path)), said(Read(path, rules)); got != want {
					t.Errorf("%s: %s, want %s", path, got, want)
				}
			}
		}
	}
}

// A directory that is written in the same way is not walked to again; a link in it is.
func TestReaderWalksOnce(t *testing.T) {
	dir := safeDir(t)
	write(t, dir+"/a.pid", "")
	write(t, dir+"/b.pid", "")
	must(t, os.Symlink("a.pid", dir+"/link.pid"))
	at, err := resolve.Walk(dir+"/a.pid", resolve.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	for path, want := range map[string]bool{
		dir + "/b.pid": true, dir + "/none.pid": true, dir + "//b.pid": false, dir + "/link.pid": false, dir + "/..": false,
		dir + "/": false, "b.pid": false, dir + "/b\x00.pid": false,
	} {
		next, ok := at.Next(path)
		if ok != want || ok && (next.Path != path || next.Fd() != at.Fd()) {
			t.Error(path, ok)
		}
		if ok {
			next.Close() // it is at's
		}
	}
	if _, err := at.Stat(); err != nil {
		t.Error(err)
	}
}
