//go:build linux

package testscripts

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func needMounts(ts *testscript.TestScript, command string) {
	if !inNamespace() {
		ts.Fatalf("%s needs a mount namespace of its own: say need namespace first", command)
	}
}

// mount tmpfs DIR [OPTIONS] | ramfs DIR | overlay DIR | bind FROM TO | readonly DIR: mounts something for the script, and
// nobody outside of the tests sees it. Directories are made (for bind, what FROM is). ramfs keeps no extended attributes
// of users. The layers of an overlay are the directories DIR.layers/lower, upper and work; put files into lower first, or
// into DIR after. readonly makes DIR, as it is, a mount that cannot be written.
func mount(ts *testscript.TestScript, args []string) {
	needMounts(ts, "mount")
	needArgs(ts, args, 2, "mount tmpfs dir [options] | ramfs dir | overlay dir | bind from to | readonly dir")
	kind, dir := args[0], ts.MkAbs(args[1])
	switch kind {
	case "tmpfs":
		mountAt(ts, "tmpfs", dir, strings.Join(append([]string{"mode=755"}, args[2:]...), ","))
	case "ramfs":
		mountAt(ts, "ramfs", dir, "mode=755")
	case "overlay":
		layers := dir + ".layers"
		if _, err := os.Lstat(layers); err != nil { // an overlay itself can be no upper layer
			mountAt(ts, "tmpfs", layers, "mode=755")
		}
		var options []string
		for _, layer := range []string{"lower", "upper", "work"} {
			ts.Check(os.MkdirAll(filepath.Join(layers, layer), 0o755))
			options = append(options, layer+"dir="+filepath.Join(layers, layer))
		}
		mountAt(ts, "overlay", dir, strings.Join(options, ","))
	case "bind":
		needArgs(ts, args, 3, "mount bind from to")
		bind(ts, dir, ts.MkAbs(args[2]))
	case "readonly":
		bind(ts, dir, dir)
		ts.Check(unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	default:
		ts.Fatalf("no kind of mount is called %s", kind)
	}
}

func mountAt(ts *testscript.TestScript, kind, dir, options string) {
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(unix.Mount(kind, dir, kind, 0, options))
	ts.Defer(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

func bind(ts *testscript.TestScript, from, to string) {
	info, err := os.Stat(from)
	ts.Check(err)
	if info.IsDir() {
		ts.Check(os.MkdirAll(to, 0o755))
	} else if _, err := os.Lstat(to); err != nil {
		ts.Check(os.WriteFile(to, nil, 0o644))
	}
	ts.Check(unix.Mount(from, to, "", unix.MS_BIND, ""))
	ts.Defer(func() { unix.Unmount(to, unix.MNT_DETACH) })
}

// tmpfs DIR SIZE: mount tmpfs DIR size=SIZE.
func tmpfs(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 2, "tmpfs dir size")
	mount(ts, []string{"tmpfs", args[0], "size=" + args[1]})
}
