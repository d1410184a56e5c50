//go:build linux

package testscripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A build of fewer applets says what is in it, and of what is not that another build has it.
func TestCore(t *testing.T) {
	dir := buildOf(t, "core")
	pidbox := filepath.Join(dir, "pidbox")
	for _, name := range appletNames() {
		fault, web := strings.HasPrefix(name, "fault-"), name == "wait-healthy"
		listed := strings.Contains("\n"+sh(t, dir, pidbox, "--list", "--drop-ins"), "\n"+name+"\n")
		if listed != (!fault && !web) {
			t.Errorf("%s listed: %v", name, listed)
		}
		want := ""
		if !listed {
			want = "pidbox: no applet \"" + name + "\" in this build\nhint: the full build of pidbox has it\n"
		}
		status, said := ends(t, pidbox, name, "--help")
		if (status == 127) != !listed || !listed && said != want {
			t.Errorf("%s --help: status %d, %q", name, status, said)
		}
	}
	if status, said := ends(t, pidbox, "wait-health"); status != 127 || strings.Contains(said, "wait-healthy") {
		t.Errorf("a name that is nearly one of another build: status %d, %q", status, said)
	}
	for _, scheme := range []string{"http", "https", "h2c", "grpc", "grpcs", "tls"} {
		status, said := ends(t, pidbox, "daemonize", "--ready-url", scheme+"://localhost:1", "true")
		want := scheme + " checks are not in this build of pidbox, which has tcp, unix, file and exec; the full build has them\n"
		if status != 64 || !strings.Contains(said, want) {
			t.Errorf("%s: status %d, %q", scheme, status, said)
		}
	}
	for _, target := range []string{"tcp://localhost:1", "localhost:1", "unix:/s", "file:/f", "exec:true"} {
		if status, said := ends(t, pidbox, "daemonize", "-n", "--ready-url", target, "true"); status != 0 {
			t.Errorf("%s: status %d, %q", target, status, said)
		}
	}
	sh(t, "..", "packaging/demo", pidbox)
}

// What is not linked into core: each of these packages costs it a twentieth of its size or more, with what it brings along.
func TestCoreIsWithout(t *testing.T) {
	out := sh(t, "..", "make", "-n", "build", "APPLETS=core")
	_, tags, _ := strings.Cut(out, "-tags ")
	tags, _, _ = strings.Cut(tags, " ")
	linked := strings.Fields(sh(t, "..", "go", "list", "-deps", "-tags", tags, "."))
	for _, heavy := range []string{"crypto/rand", "crypto/sha256", "crypto/tls", "encoding/json", "log/slog", "math/big", "net/http", "os/exec", "os/user", "regexp", "text/template", "github.com/urfave/cli/v2"} {
		if slices.Contains(linked, heavy) {
			t.Errorf("%s is in core", heavy)
		}
	}
}

// Make says which names it does not know, and knows no build of nothing.
func TestChosenApplets(t *testing.T) {
	for chosen, want := range map[string]string{"": "no applet", "http": "no applet", "pidkill": "pidkill: no such applet", "core setuidgid": "setuidgid: no such applet"} {
		cmd := exec.Command("make", "-n", "build", "APPLETS="+chosen)
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v, %s", chosen, err, out)
		}
	}
	for _, name := range appletNames() { // each can be built alone
		out := sh(t, "..", "make", "-n", "build", "APPLETS="+name)
		_, tags, _ := strings.Cut(out, "-tags ")
		tags, _, _ = strings.Cut(tags, " ")
		sh(t, "..", "go", "build", "-tags", tags, "./applets")
	}
}

// ends runs a command to its end: its status, and all that it printed.
func ends(t *testing.T, argv ...string) (int, string) {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return exit.ExitCode(), string(out)
	}
	return 0, string(out)
}

// A root file system of 16 MB, with BusyBox, core and its links, is booted in namespaces: BusyBox's init is its process 1 and
// starts a service, asks for it and stops it.
func TestSmallRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	tools(t, "busybox", "unshare", "chroot", "mke2fs", "mount")
	t.Parallel()
	build := buildOf(t, "core")
	dir := t.TempDir()
	script := filepath.Join(dir, "boot")
	if err := os.WriteFile(script, []byte(smallRoot), 0o755); err != nil {
		t.Fatal(err)
	}
	out := sh(t, dir, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net", "sh", script, build)
	for _, want := range []string{"init 1 is busybox\n", "started\n", "running 0\n", "second start 1\n", "stopped 0\n", "gone 3\n", "by start-stop-daemon 0\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}

const smallRoot = `set -eu
mkdir tree tree/bin tree/sbin tree/etc tree/proc tree/run tree/dev tree/tmp root
cp "$(command -v busybox)" "$1/pidbox" tree/bin/
for lib in $(ldd tree/bin/busybox 2>/dev/null | grep -o '/[^ ]*'); do # Debian's is not static
	mkdir -p "tree/${lib%/*}" && cp -L "$lib" "tree/$lib"
done
for name in sh ls sleep echo cat poweroff mount; do ln -s busybox "tree/bin/$name"; done
ln -s ../bin/busybox tree/sbin/init
tree/bin/pidbox --install --drop-ins tree/bin
for link in $(find tree/bin -type l -lname '/*'); do ln -sf pidbox "$link"; done
echo '::sysinit:/etc/rc' >tree/etc/inittab
cat >tree/etc/rc <<'RC'
#!/bin/sh
mount -t proc proc /proc
exec >/dev/console 2>&1
read -r comm </proc/1/comm; case $comm in init | busybox) echo "init 1 is busybox" ;; *) echo "init is $comm" ;; esac
daemonize -p /run/web.pid sleep 600 && echo started
pid-alive -p /run/web.pid; echo "running $?"
daemonize -p /run/web.pid sleep 600; echo "second start $?"
pid-kill -q -p /run/web.pid; echo "stopped $?"
pid-alive -q -p /run/web.pid; echo "gone $?"
start-stop-daemon -S -q -b -m -p /run/old.pid -x /bin/sleep -- 600 && start-stop-daemon -K -q -p /run/old.pid; echo "by start-stop-daemon $?"
poweroff -f
RC
chmod 755 tree/etc/rc
: >tree/dev/console
mke2fs -q -t ext2 -d tree root.img 16M
if ! mount -o loop root.img root 2>/dev/null; then # no loop devices: as much memory
	mount -t tmpfs -o size=16m none root
	cp -a tree/. root/
fi
mount -t tmpfs none root/run
mknod -m 666 root/dev/null c 1 3
: >log
mount --bind log root/dev/console
status=0
unshare --pid --fork --kill-child chroot root /sbin/init >/dev/null 2>&1 </dev/null || status=$?
cat log
`
