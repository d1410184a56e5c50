//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// LookPath finds administrators' tools too.
func LookPath(tool string) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		path := filepath.Join(dir, tool)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: not found", tool)
}

// Processes lists the running processes whose command line is accepted.
func Processes(accept func(argv []string) bool) (pids []int) {
	return slices.DeleteFunc(PIDs(), func(pid int) bool { return !accepted(fmt.Sprintf("/proc/%d", pid), accept) })
}

// PIDs lists the processes, zombies too.
func PIDs() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// accepted looks at one process, whoever gets its number meanwhile. By now that may be a thread: those have directories
// too, which the listing of /proc leaves out, and their process's command line.
func accepted(dir string, accept func(argv []string) bool) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	line, err := root.ReadFile("cmdline")
	if err != nil || !accept(strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")) {
		return false
	}
	status, err := root.ReadFile("status")
	return err == nil && strings.Contains(string(status), "\nTgid:\t"+filepath.Base(dir)+"\n") &&
		!strings.Contains(string(status), "\nState:\tZ") && !strings.Contains(string(status), "\nState:\tX")
}

// Install links the applets into dir and is that directory.
func Install(pidbox, dir string, options ...string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command(pidbox, append(options, "--install", dir)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s --install: %w: %s", pidbox, err, out)
	}
	return dir, nil
}
