//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The states that a call is tried in. Without a pidfile only the first two differ, and a zombie.
func states() []string {
	return []string{"nothing", "running", "dead", "stale", "reused", "zombie", "foreign"}
}

// The programs that are tried, in pairs: theirs and ours.
func programs() []string { return []string{"dpkg", "ours", "busybox", "ours as busybox"} }

func commandOf(program string) []string {
	return map[string][]string{"dpkg": {"/sbin/start-stop-daemon"}, "ours": {"/ours/start-stop-daemon"},
		"busybox": {"/bin/busybox", "start-stop-daemon"}, "ours as busybox": {"/ours/start-stop-daemon.busybox"}}[program]
}

// outcome is what came of one call by one program in one state.
type outcome struct {
	Call           int
	State, Program string
	Text           string // status and effect
	Said           string
}

// enter makes an overlay over the trees, the uppermost first, the root of this process.
func enter(trees ...string) error {
	root := "/mnt/root"
	mount := func(source, target, kind string, flags uintptr, data string) error {
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", kind, target, err)
		}
		return nil
	}
	if err := mount("none", "/mnt", "tmpfs", 0, ""); err != nil {
		return err
	}
	for _, dir := range []string{root, "/mnt/upper", "/mnt/work"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	over := "lowerdir=" + strings.Join(trees, ":") + ",upperdir=/mnt/upper,workdir=/mnt/work"
	return errors.Join(mount("overlay", root, "overlay", 0, over), mount("proc", root+"/proc", "proc", 0, ""),
		// A script that sets the kernel's parameters would set them for the whole machine.
		mount(root+"/proc/sys", root+"/proc/sys", "", unix.MS_BIND, ""),
		mount("", root+"/proc/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""),
		mount("/dev", root+"/dev", "", unix.MS_BIND|unix.MS_REC, ""), mount("none", root+"/run", "tmpfs", 0, "mode=755"),
		mount("none", root+"/tmp", "tmpfs", 0, "mode=1777"), unix.Chroot(root), os.Chdir("/"))
}

// copied puts a file, with the mode of a program, in the place of whatever is there.
func copied(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	_ = os.Remove(to) // a link would lead the copy elsewhere
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// cell tries one call in all states by all programs, and prints the outcomes.
func cell(index int, c call, tree, pidbox string) error {
	binary, err := os.Open(pidbox)
	if err != nil {
		return err
	}
	defer binary.Close()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	if err := enter(tree); err != nil {
		return err
	}
	at := func(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }
	m := c.meaning()
	s := &scene{call: c, meant: m, program: m.program(c.Script)}
	err = errors.Join(copied(at(binary), "/ours/pidbox"), os.Symlink("pidbox", "/ours/start-stop-daemon"),
		os.Symlink("pidbox", "/ours/start-stop-daemon.busybox"), copied(at(self), s.program), copied(at(self), "/usr/sbin/stranger"), users(m))
	if filepath.IsAbs(m.startas) {
		err = errors.Join(err, copied(at(self), m.startas))
	}
	for _, dir := range []string{m.dir, filepath.Dir(m.pidfile)} {
		if filepath.IsAbs(dir) {
			err = errors.Join(err, os.MkdirAll(dir, 0o755))
		}
	}
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	for _, state := range states() {
		if m.pidfile == "" && !slices.Contains([]string{"nothing", "running", "zombie"}, state) {
			continue
		}
		for _, program := range programs() {
			text, said, err := s.try(state, program)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", state, program, err)
			}
			if err := encoder.Encode(outcome{index, state, program, text, said}); err != nil {
				return err
			}
		}
	}
	return nil
}

// users sees to those that a call names.
func users(m meant) error {
	login, group, _ := strings.Cut(m.chuid, ":")
	for i, name := range []string{login, m.user, group, m.group} {
		if _, err := strconv.Atoi(name); name == "" || err == nil {
			continue
		}
		kind, line := "passwd", fmt.Sprintf("%s:x:%d:%d::/:/bin/sh\n", name, 3000+i, 3000+i)
		if i > 1 {
			kind, line = "group", fmt.Sprintf("%s:x:%d:\n", name, 3000+i)
		}
		text, err := os.ReadFile("/etc/" + kind)
		if err != nil {
			return err
		}
		if !strings.Contains("\n"+string(text), "\n"+name+":") {
			text = append(text, line...)
		}
		if kind == "passwd" {
			both, err := os.ReadFile("/etc/group")
			if err != nil {
				return err
			}
			if !strings.Contains("\n"+string(both), "\n"+name+":") {
				if err := os.WriteFile("/etc/group", fmt.Appendf(both, "%s:x:%d:\n", name, 3000+i), 0o644); err != nil {
					return err
				}
			}
		}
		if err := os.WriteFile("/etc/"+kind, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
