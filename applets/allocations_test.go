//go:build linux && !pidbox_some && !race

package applets

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"pidbox/lib/multicall"
)

// What the commonest call of an applet takes from the heap: each size of objects that no other had before costs pages. Page
// faults, system calls, threads and initialisers are counted of whole programs, by TestCounts of testscripts. The bounds are a
// twentieth above what was measured: whoever has to raise one writes down why.
func TestAllocations(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("measured on amd64")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as testing.AllocsPerRun
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	self := strconv.Itoa(os.Getpid())
	call := func(argv ...string) (status int, stderr string) {
		var said bytes.Buffer
		status = multicall.Main(argv, nil, &bytes.Buffer{}, &said, List(), Status, Foreign)
		return status, said.String()
	}
	if status, said := call("pid-claim", "-q", "--pid", self, "-p", file("claimed")); status != 0 {
		t.Fatal(status, said)
	}
	for _, c := range []struct {
		objects uint64 // as measured
		before  func(t *testing.T)
		argv    []string
	}{
		{211, nil, []string{"pid-alive", "-q", "-p", file("claimed")}},
		{324, func(*testing.T) { os.Remove(file("own")) }, []string{"pid-claim", "-q", "--pid", self, "-p", file("own")}},
		{323, nil, []string{"sipid", "claim", "--pid", self, "--pid-file", file("claimed")}},
		{339, nil, []string{"start-stop-daemon", "--status", "--pidfile", file("claimed")}},
		{330, func(t *testing.T) { claimed(t, file("target"), call) }, []string{"pid-kill", "-q", "-p", file("target")}},
	} {
		t.Run(c.argv[0], func(t *testing.T) {
			const runs = 10
			objects := ^uint64(0)
			for range runs {
				if c.before != nil {
					c.before(t)
				}
				var was, is runtime.MemStats
				runtime.ReadMemStats(&was)
				status, said := call(c.argv...)
				runtime.ReadMemStats(&is)
				if status != 0 || said != "" {
					t.Fatal(status, said)
				}
				objects = min(objects, is.Mallocs-was.Mallocs)
			}
			t.Logf("%d objects", objects)
			const slack, few = 20, 10 // a thread of the runtime's has some
			if objects > c.objects+c.objects/slack+few {
				t.Errorf("%d objects, and were %d", objects, c.objects)
			}
		})
	}
}

// claimed is a pidfile of a process that ends by a signal.
func claimed(t *testing.T, file string, call func(...string) (int, string)) {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	t.Cleanup(func() { cmd.Process.Kill() })
	if status, said := call("pid-claim", "-q", "--pid", strconv.Itoa(cmd.Process.Pid), "-p", file); status != 0 {
		t.Fatal(status, said)
	}
}
