package passwd

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each user and group of this machine is found as os/user finds it.
func TestAsOsUser(t *testing.T) {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, ":")
		want, err := user.Lookup(name)
		if err != nil {
			continue
		}
		for _, by := range []func() (*User, error){func() (*User, error) { return ByName(name) }, func() (*User, error) { return ByID(want.Uid) }} {
			got, err := by()
			if err != nil || got.UID != want.Uid || got.Name != want.Username && got.UID != "0" {
				t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
			}
		}
		got, _ := ByName(name)
		groups, err := got.Groups()
		theirs, _ := want.GroupIds()
		if err != nil || got.GID != want.Gid || got.Home != want.HomeDir || !slices.Equal(groups, theirs) {
			t.Errorf("%s: %+v in %v, %v, want %+v in %v", name, got, groups, err, want, theirs)
		}
	}
	text, err = os.ReadFile("/etc/group")
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, ":")
		want, err := user.LookupGroup(name)
		if err != nil {
			continue
		}
		if got, err := GroupID(name); err != nil || got != want.Gid {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want.Gid)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func TestOddFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwd")
	if _, err := find(file, 0, "x"); !errors.Is(err, ErrUnknown) {
		t.Errorf("no file: %v", err)
	}
	text := "# x:x:1:1::/:/bin/sh\n+x:x:1:1::/:/bin/sh\nx\nx:x:a:1::/:/bin/sh\nx:x:1:b::/:/bin/sh\n\nx:x:7:8:X:/home/x\nx:x:9:9::/:/bin/no\nlast:x:5:5::/:/bin/last"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := find(file, 0, "x"); err != nil || *got != (User{"x", "7", "8", "/home/x", ""}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := find(file, 0, "last"); err != nil || got.Shell != "/bin/last" {
		t.Errorf("without a newline: %+v, %v", got, err)
	}
	if _, err := find(file, 0, "+x"); !errors.Is(err, ErrUnknown) {
		t.Errorf("+x: %v", err)
	}
	if _, err := find(t.TempDir(), 0, "x"); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("a directory: %v", err)
	}
}
