//go:build linux && supervisor

package testscripts

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Each of ten idle supervisors has at most 2,000 kB of memory to itself, what they share divided by ten: the built binary, since
// that of the tests is larger.
func TestSupervisorMemory(t *testing.T) {
	const n, most = 10, 2000
	dir := buildOf(t, "full")
	var all []*exec.Cmd
	for i := range n {
		cmd := exec.Command(filepath.Join(dir, "keep-alive"), "-q", "-p", filepath.Join(dir, strconv.Itoa(i)+".pid"), "--", "sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
		all = append(all, cmd)
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) { // what the start had of the program is given up after a while
		var each []int
		for _, cmd := range all {
			text, err := fieldOf(fmt.Sprintf("/proc/%d/smaps_rollup", cmd.Process.Pid), "Pss:")
			if err != nil {
				t.Fatal(err)
			}
			kilobytes, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			each = append(each, kilobytes)
		}
		if slices.Max(each) <= most {
			t.Logf("%v kB", each)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v kB", each)
		}
	}
}
