//go:build linux

package testscripts

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A hundred thousand operations, of ten clients on fifty registers, are judged within a GiB of memory; what they take is printed.
func TestFaultJudgeMemory(t *testing.T) {
	const operations, clients, keys, limit = 100_000, 10, 50, 1 << 20 // KiB
	file := filepath.Join(t.TempDir(), "history.jsonl")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	type operation struct {
		f, key string
		value  int
	}
	var under [clients]*operation // way
	now := map[string]int{}
	random := rand.New(rand.NewPCG(1, 2))
	for begun, ended := 0, 0; ended < operations; {
		p := random.IntN(clients)
		o := under[p]
		switch {
		case o == nil && begun < operations:
			o = &operation{"read", fmt.Sprint("k", random.IntN(keys)), 0}
			if begun++; random.IntN(2) == 0 {
				o.f, o.value = "write", begun
			}
			under[p] = o
			fmt.Fprintf(w, "{\"type\":\"invoke\",\"process\":%d,\"f\":%q,\"key\":%q,\"value\":%d}\n", p, o.f, o.key, o.value)
		case o != nil: // it takes effect at its end
			if ended++; o.f == "write" {
				now[o.key] = o.value
			}
			value := "null"
			if now[o.key] != 0 {
				value = fmt.Sprint(now[o.key])
			}
			fmt.Fprintf(w, "{\"type\":\"ok\",\"process\":%d,\"f\":%q,\"key\":%q,\"value\":%s}\n", p, o.f, o.key, value)
			under[p] = nil
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	cmd := exec.Command("fault-tester", "judge", "--model", "register", file)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	t.Logf("%d operations: %d MiB at most, %v of CPU time", operations, used>>10, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	if used > limit {
		t.Errorf("%d KiB of memory", used)
	}
}
