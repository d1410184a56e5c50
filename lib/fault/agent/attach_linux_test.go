package agent

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/cgroup"
	"pidbox/lib/fault"
)

// A control group of somebody else's is paused, killed and found again, and is not ended with the agent; a unit of systemd is
// its control group, and is told to stop when it was killed.
func TestAttachesToGroups(t *testing.T) {
	for _, kind := range []string{"group", "unit"} {
		t.Run(kind, func(t *testing.T) {
			g, err := cgroup.Make(fmt.Sprintf("pidbox-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
			if err != nil {
				t.Skip(err)
			}
			defer func() {
				_ = g.Signal(syscall.SIGKILL)
				_ = g.Wait(t.Context())
				if err := g.Remove(); err != nil {
					t.Error(err)
				}
			}()
			put := func() {
				cmd := exec.Command("sh", "-c", "read -r line; setsid sleep 300 & exec sleep 300")
				in, _ := cmd.StdinPipe()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				go func() { _ = cmd.Wait() }()
				if err := g.Add(cmd.Process.Pid); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(in)
			}
			put()
			c := config(t, "")
			c.Command.Args = nil
			c.Attach = &Attach{Group: g.Path()}
			log := filepath.Join(t.TempDir(), "systemctl.log")
			if kind == "unit" {
				c.Attach = &Attach{Unit: "web.service"}
				bin := t.TempDir()
				script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s\n[ \"$1\" != show ] || echo %s\n", log, g.Path())
				if err := os.WriteFile(bin+"/systemctl", []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
				t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			}
			f := newFixture(t, c)
			f.until("both are there", func(s fault.Status) bool { return s.Processes == 2 })
			if s := f.ask(200, "", "POST", "/v1/pause", `{"hold":"60s"}`); s.State != fault.Paused {
				t.Errorf("%+v", s)
			}
			if frozen, err := g.Frozen(); !frozen || err != nil {
				t.Error(frozen, err)
			}
			if s := f.ask(200, "", "POST", "/v1/resume", ""); s.State != fault.Running {
				t.Errorf("%+v", s)
			}
			if s := f.ask(200, "", "POST", "/v1/kill", ""); s.State != fault.Stopped {
				t.Errorf("%+v", s)
			}
			if populated, err := g.Populated(); populated || err != nil {
				t.Error(populated, err)
			}
			if kind == "unit" {
				text, _ := os.ReadFile(log)
				if !slices.Contains(strings.Split(string(text), "\n"), "stop web.service") {
					t.Errorf("systemctl was asked: %s", text)
				}
			} else {
				f.ask(http.StatusNotImplemented, "no COMMAND", "POST", "/v1/start", "")
			}
			put() // as its supervisor does
			f.until("it is found again", func(s fault.Status) bool { return s.State == fault.Running && s.Processes == 2 })
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if populated, err := g.Populated(); !populated || err != nil {
				t.Errorf("it was ended with the agent: %v", err)
			}
		})
	}
}
