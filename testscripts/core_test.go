//go:build linux

package testscripts

import (
	"errors"
	"os/exec"
	"path/filepath"
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
