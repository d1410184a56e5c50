package supervise

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPipesRotate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	p, err := OpenPipes(Output{Stdout: path, Stderr: path}, Rotation{Megabytes: 1, Keep: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := p.Open()
	if stdout != stderr {
		t.Error("two pipes to one file")
	}
	line := append(bytes.Repeat([]byte("x"), 1023), '\n')
	for range 5000 {
		if _, err := stdout.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // old ones are removed by and by
		files, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 3 {
			for _, f := range files {
				if info, err := os.Stat(f); err != nil || info.Size() > 1<<20 || info.Size()%1024 != 0 || info.Mode().Perm()&0o044 != 0o044 {
					t.Error(f, info.Size(), info.Mode(), err)
				}
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal(files)
		}
	}
}

func TestPipesReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	p, err := OpenPipes(Output{Stdout: path}, Rotation{Megabytes: 1, Keep: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := p.Open()
	if stderr != nil {
		t.Error("a pipe to nowhere")
	}
	holds := func(path, want string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			text, _ := os.ReadFile(path)
			if string(text) == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %q, want %q", path, text, want)
			}
		}
	}
	stdout.WriteString("before\n")
	holds(path, "before\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := p.Reopen(); err != nil {
		t.Fatal(err)
	}
	stdout.WriteString("after\n")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	holds(path, "after\n")
	holds(path+".1", "before\n")
}
