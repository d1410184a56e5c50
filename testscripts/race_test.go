//go:build linux

package testscripts

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// race N [-hold K] STATUS=COUNT... COMMAND...: runs N copies of COMMAND at once; so many of them must exit with each
// status. %n in an argument is the copy's number from 1. With -hold K the last K copies are ended by TERM (143) as soon
// as all others have ended: winners that stay. A copy that exits with 75 begins anew, as that status asks for: how many of
// them get a lock within the seconds for which each waits is the machine's doing.
func race(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 3, "race n [-hold k] status=count... command...")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	hold, args := 0, args[1:]
	if args[0] == "-hold" {
		hold, err = strconv.Atoi(args[1])
		ts.Check(err)
		args = args[2:]
	}
	want := map[int]int{}
	for ; len(args) > 0; args = args[1:] {
		var status, count int
		if _, err := fmt.Sscanf(args[0], "%d=%d", &status, &count); err != nil {
			break
		}
		want[status] = count
	}
	got, output := runRace(ts, n, hold, args)
	ts.Logf("[race] %v\n%s", got, output)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		ts.Fatalf("exit statuses and their counts: %v, want %v", got, want)
	}
}

func runRace(ts *testscript.TestScript, n, hold int, args []string) (map[int]int, string) {
	var mu sync.Mutex
	var output bytes.Buffer
	counts := map[int]int{}
	running := map[*exec.Cmd]bool{}
	ended := make(chan error, n)
	for i := range n {
		own := make([]string, len(args))
		for j, arg := range args {
			own[j] = strings.ReplaceAll(arg, "%n", strconv.Itoa(i+1))
		}
		var out bytes.Buffer
		begin := func() (*exec.Cmd, error) {
			cmd := exec.Command(own[0], own[1:]...)
			cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), of(ts).env, &out, &out
			mu.Lock()
			defer mu.Unlock()
			running[cmd] = true
			return cmd, cmd.Start()
		}
		cmd, err := begin()
		ts.Check(err)
		go func() {
			code, err := exitStatus(cmd.Wait())
			for code == 75 && err == nil {
				mu.Lock()
				delete(running, cmd)
				mu.Unlock()
				if cmd, err = begin(); err == nil {
					code, err = exitStatus(cmd.Wait())
				}
			}
			mu.Lock()
			defer mu.Unlock()
			counts[code]++
			delete(running, cmd)
			output.Write(out.Bytes())
			ended <- err
		}()
	}
	late := time.After(patience)
	for i := range n {
		if i == n-hold {
			mu.Lock()
			for cmd := range running {
				cmd.Process.Signal(syscall.SIGTERM)
			}
			mu.Unlock()
		}
		select {
		case err := <-ended:
			ts.Check(err)
		case <-late:
			ts.Fatalf("%d of %d still run", n-i, n)
		}
	}
	return counts, output.String()
}
