package multicall

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pidbox/lib/applet"
)

// tree is a directory with a binary named pidbox in bin, and an empty directory elsewhere.
func tree(t *testing.T) (self, bin, elsewhere string) {
	t.Helper()
	dir := t.TempDir()
	bin, elsewhere = filepath.Join(dir, "bin"), filepath.Join(dir, "elsewhere")
	for _, d := range []string{bin, elsewhere} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self = filepath.Join(bin, "pidbox")
	write(t, self, "binary")
	return self, bin, elsewhere
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func mustLink(t *testing.T, self, dir, name string, hard bool, want linked) {
	t.Helper()
	if did, err := link(self, dir, name, hard); err != nil || did != want {
		t.Errorf("link %s in %s (hard %v): %q, %v; want %q", name, dir, hard, did, err, want)
	}
}

func TestLinkIsMadeOnce(t *testing.T) {
	self, bin, elsewhere := tree(t)
	mustLink(t, self, bin, "pid-kill", false, made)
	mustLink(t, self, bin, "pid-kill", false, kept)
	if target, _ := os.Readlink(filepath.Join(bin, "pid-kill")); target != "pidbox" {
		t.Errorf("beside the binary the link is %q, not relative", target)
	}
	mustLink(t, self, elsewhere, "pid-kill", false, made)
	if target, _ := os.Readlink(filepath.Join(elsewhere, "pid-kill")); target != self {
		t.Errorf("elsewhere the link is %q", target)
	}
	mustLink(t, self, elsewhere, "pid-kill", true, replaced)
	mustLink(t, self, elsewhere, "pid-kill", true, kept)
	mustLink(t, self, elsewhere, "pid-kill", false, kept)
	if entries, _ := os.ReadDir(elsewhere); len(entries) != 1 {
		t.Errorf("something was left: %v", entries)
	}
}

func TestLinkReplacesOnlyItsOwn(t *testing.T) {
	self, bin, _ := tree(t)
	at := func(name string) string { return filepath.Join(bin, name) }
	write(t, at("file"), "precious")
	os.Symlink("/opt/old/pidbox", at("old")) // dangling, as after the old one was removed
	os.Symlink("file", at("other"))
	os.Symlink("nowhere", at("dangling"))
	os.Mkdir(at("dir"), 0o755)
	mustLink(t, self, bin, "file", false, leftAlone)
	mustLink(t, self, bin, "other", true, leftAlone)
	mustLink(t, self, bin, "dangling", false, leftAlone)
	mustLink(t, self, bin, "dir", false, leftAlone)
	mustLink(t, self, bin, "old", false, replaced)
	if text, _ := os.ReadFile(at("file")); string(text) != "precious" {
		t.Errorf("the file is now %q", text)
	}
}

func TestLinkFailureNamesTheDirectory(t *testing.T) {
	self, bin, _ := tree(t)
	missing := filepath.Join(bin, "missing")
	_, err := link(self, missing, "pid-kill", false)
	if err == nil || err.Error() != "directory "+missing+": no such file or directory" || hint(err) != "mkdir -p "+missing {
		t.Errorf("%v; hint %q", err, hint(err))
	}
	if _, err := link(self, self, "pid-kill", false); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file as directory: %v", err)
	}
}

func TestInstallNamesWhatItLeft(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sipid"), "somebody else's")
	var stderr bytes.Buffer
	status := Main([]string{"pidbox", "--install", dir}, nil, &stderr, &stderr, list(), judged, nil)
	if want := "pidbox: left " + dir + "/sipid: it is not a link to pidbox\n"; status != int(applet.No) || stderr.String() != want {
		t.Errorf("status %d, said %q, want %q", status, &stderr, want)
	}
	for _, name := range []string{"pid-alive", "pid-kill"} {
		if _, err := os.Readlink(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	os.Remove(filepath.Join(dir, "sipid"))
	stderr.Reset()
	if status := Main([]string{"pidbox", "-v", "--install", dir}, nil, &stderr, &stderr, list(), judged, nil); status != 0 || !strings.Contains(stderr.String(), "pidbox: made "+dir+"/sipid\n") {
		t.Errorf("status %d, said %q", status, &stderr)
	}
}

func hint(err error) string {
	_, _, text := outcome(err, applet.Failed, judged)
	return text
}
