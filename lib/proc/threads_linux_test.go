package proc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// While a thread that is not the first executes another program, the first one is a zombie, then that thread takes its
// place: nobody who looks meanwhile may take the process for dead, or for one without group, session and users.
func TestExecByAnotherThread(t *testing.T) {
	everyBackEnd(t, func(t *testing.T, open func(int) (*Handle, error)) {
		pid, done := restless(t, 200)
		h, err := open(pid)
		if err != nil {
			t.Fatal(err)
		}
		first, err := h.Identity()
		if err != nil {
			t.Fatal(err)
		}
		for looks := 0; ; looks++ {
			expectAlive(t, h, true)
			again, err := open(pid)
			if err != nil {
				t.Fatal(looks, err)
			}
			expectAlive(t, again, true)
			if id, err := again.Identity(); err != nil || id != first {
				t.Fatalf("look %d: %v, %v; want %v", looks, id, err, first)
			}
			if info, err := again.Info(); err != nil || info.Group != pid || info.Session != pid {
				t.Fatalf("look %d: %+v, %v", looks, info, err)
			}
			for _, scope := range []Scope{Group, Session} {
				f, err := again.Family(scope, nil)
				if err != nil {
					t.Fatal(looks, err)
				}
				f.Close()
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
}

// A thread that was listed and is gone when it is looked at may have started another: that is no end of the process.
func TestThreadsThatFollowEachOther(t *testing.T) {
	dead := "43 (web) Z 1 42 43 0 -1 4194560 13 0 0 0 1 2 3 4 20 0 2 0 98765 227110912 3417" // of two threads
	for _, second := range []struct {
		is, stat string
		alive    bool
	}{
		{"gone", "", true},
		{"running", strings.Replace(dead, "Z", "R", 1), true},
		{"kept by a tracer", dead, false},
	} {
		t.Run(second.is, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.MkdirAll(filepath.Join(dir, "task/42"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "task/43"), 0o755); err != nil {
				t.Fatal(err)
			}
			first := strings.Replace(dead, "43", "42", 1)
			write("stat", first)
			write("task/42/stat", first)
			if second.stat != "" {
				write("task/43/stat", second.stat)
			}
			file, err := os.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if alive, err := (&procDir{42, file}).alive(); err != nil || alive != second.alive {
				t.Fatal(alive, err)
			}
		})
	}
}
