//go:build linux

package testscripts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

// TestPackages makes a release and installs it as its users would: dpkg and rpm in roots of their own, the tarball by hand.
func TestPackages(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("installing into a root of one's own needs root")
	}
	tools(t, "dpkg-deb", "rpmbuild", "rpm", "lintian", "rpmlint", "go", "make", "git")
	t.Parallel()
	arch := runtime.GOARCH
	one, two := dist(t, "1.2.3", 0, arch), dist(t, "1.2.3", 48*time.Hour, arch)
	next := dist(t, "1.2.4", 0, arch)

	t.Run("reproducible", func(t *testing.T) {
		a, b := read(t, one+"/SHA256SUMS"), read(t, two+"/SHA256SUMS")
		if a != b || strings.Count(a, "\n") != 17 {
			t.Errorf("two builds of one source differ, or are not seventeen files:\n%s\n%s", a, b)
		}
	})
	t.Run("modules", func(t *testing.T) {
		bill := read(t, one+"/pidbox-1.2.3-linux-"+arch+".sbom.txt")
		if !strings.Contains(bill, "\tmod\tpidbox\tv1.2.3\t") {
			t.Errorf("the bill of materials does not name the version:\n%s", bill)
		}
		root := t.TempDir()
		sh(t, root, "tar", "-xzf", fmt.Sprintf("%s/pidbox-1.2.3-linux-%s.tar.gz", one, arch), "--strip-components=1")
		sh(t, root, "dpkg-deb", "-x", deb(one, "pidbox", "1.2.3", arch), root+"/deb")
		for _, path := range []string{"/share/doc/pidbox/NOTICES", "/deb/usr/share/doc/pidbox/copyright"} {
			notices := read(t, root+path)
			for _, line := range strings.Split(bill, "\n") {
				fields := strings.Fields(line)
				if len(fields) < 3 || fields[0] != "dep" {
					continue
				}
				_, part, found := strings.Cut(notices, "\n"+fields[1]+"@"+fields[2]+"\nLicence: ")
				part, _, _ = strings.Cut(part, "\n------")
				if !found || !strings.Contains(part, "Copyright") && !strings.Contains(part, "icense") || strings.Count(part, "\n") < 4 {
					t.Errorf("%s: no copyright or licence of %s: %s", path, fields[1], part)
				}
			}
			if !strings.Contains(notices, "Copyright 2009 The Go Authors") {
				t.Errorf("%s: Go's own licence is missing", path)
			}
		}
		if !strings.Contains(read(t, root+"/share/man/man1/pid-kill.1"), "\n.Os pidbox 1.2.3\n") {
			t.Error("the pages do not name the version that was built")
		}
	})
	t.Run("links", func(t *testing.T) {
		root := t.TempDir()
		sh(t, root, "tar", "-xzf", fmt.Sprintf("%s/pidbox-1.2.3-linux-%s.tar.gz", one, arch), "--strip-components=1")
		sh(t, root, "dpkg-deb", "-x", deb(one, "pidbox", "1.2.3", arch), root+"/deb")
		for _, dir := range []string{"/share/doc/pidbox", "/deb/usr/share/doc/pidbox"} {
			linksLead(t, root+dir)
		}
	})
	t.Run("lint", func(t *testing.T) { lint(t, one) })
	t.Run("dpkg", func(t *testing.T) {
		t.Parallel()
		root := debRoot(t)
		before := tree(t, root)
		dpkg := func(args ...string) string {
			return sh(t, "", append([]string{"dpkg", "--root=" + root, "--force-not-root", "--log=/dev/null"}, args...)...)
		}
		debs := func(dir, version string) []string {
			return []string{"-i", deb(dir, "pidbox", version, arch), deb(dir, "pidbox-daemonize", version, arch), deb(dir, "pidbox-fault", version, arch)}
		}
		dpkg(debs(one, "1.2.3")...)
		runsAll(t, root+"/usr/bin", "1.2.3")
		runsAll(t, root+"/usr/lib/pidbox/bin", "1.2.3")
		dpkg(debs(next, "1.2.4")...)
		runsAll(t, root+"/usr/bin", "1.2.4")
		dpkg(debs(one, "1.2.3")...)
		runsAll(t, root+"/usr/bin", "1.2.3")
		daemon := daemon(t, root+"/usr/bin/daemonize")
		dpkg("--purge", "pidbox-daemonize", "pidbox-fault", "pidbox")
		if !lab.Running(daemon) {
			t.Error("the removal ended a running daemon")
		}
		if after := tree(t, root); !slices.Equal(before, after) {
			t.Errorf("left behind: %q, before: %q", after, before)
		}
	})
	t.Run("core", func(t *testing.T) {
		t.Parallel()
		root := debRoot(t)
		before := tree(t, root)
		dpkg := func(args ...string) (string, error) {
			args = append([]string{"--root=" + root, "--force-not-root", "--log=/dev/null"}, args...)
			out, err := exec.Command("dpkg", args...).CombinedOutput()
			return string(out), err
		}
		core, full := deb(one, "pidbox-core", "1.2.3", arch), deb(one, "pidbox", "1.2.3", arch)
		beside, fault := deb(one, "pidbox-daemonize", "1.2.3", arch), deb(one, "pidbox-fault", "1.2.3", arch)
		if out, err := dpkg("-i", core, beside); err != nil {
			t.Fatal(out)
		}
		names := sh(t, "", root+"/usr/bin/pidbox", "--list")
		if strings.Contains(names, "wait-healthy") || strings.Contains(names, "fault-") || !strings.Contains(names, "keep-alive") {
			t.Errorf("in core: %s", names)
		}
		for _, path := range walk(t, root+"/usr", false) {
			if name := filepath.Base(path); !strings.Contains(path, "/doc/") && (strings.Contains(name, "fault-") || strings.Contains(name, "wait-healthy")) {
				t.Errorf("core has %s", path)
			}
		}
		for _, name := range strings.Fields(names) {
			sh(t, "", root+"/usr/bin/"+name, "--help")
		}
		if out, err := dpkg("-i", fault); err == nil || !strings.Contains(out, "pidbox-full") {
			t.Errorf("pidbox-fault beside core: %v\n%s", err, out)
		}
		_, _ = dpkg("--purge", "pidbox-fault")
		if out, err := dpkg("-B", "-i", full, fault); err != nil {
			t.Errorf("core is not replaced: %v\n%s", err, out)
		}
		runsAll(t, root+"/usr/bin", "1.2.3")
		if out, err := dpkg("--purge", "pidbox-daemonize", "pidbox-fault", "pidbox", "pidbox-core"); err != nil {
			t.Error(out)
		}
		if after := tree(t, root); !slices.Equal(before, after) {
			t.Errorf("left behind: %q, before: %q", after, before)
		}
	})
	t.Run("the package daemonize", func(t *testing.T) {
		t.Parallel()
		theirs := daemonizeDeb(t)
		root := debRoot(t)
		dpkg := []string{"dpkg", "--root=" + root, "--force-not-root", "--log=/dev/null"}
		sh(t, "", append(dpkg, "-i", theirs)...)
		before := read(t, root+"/usr/bin/daemonize")
		sh(t, "", append(dpkg, "-i", deb(one, "pidbox", "1.2.3", arch))...)
		for _, path := range walk(t, root+"/usr", false) {
			if name := filepath.Base(path); strings.Contains(path, "completion") && strings.Contains(name, "daemonize") || strings.Contains(name, "fault-") && !strings.Contains(path, "/doc/") {
				t.Errorf("pidbox alone has %s", path)
			}
		}
		if read(t, root+"/usr/bin/daemonize") != before {
			t.Error("pidbox touched the other package's daemonize")
		}
		sh(t, "", append(dpkg, "-B", "-i", deb(one, "pidbox-daemonize", "1.2.3", arch))...)
		if out := sh(t, "", root+"/usr/bin/daemonize", "--version"); !strings.Contains(out, "1.2.3") {
			t.Errorf("after pidbox-daemonize: %s", out)
		}
		cmd := exec.Command(dpkg[0], append(dpkg[1:], "-i", theirs)...)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "conflict") {
			t.Errorf("both packages at once: %v\n%s", err, out)
		}
	})
	t.Run("rpm", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		if err := os.Chmod(root, 0o755); err != nil {
			t.Fatal(err)
		}
		rpm := func(args ...string) string { return sh(t, "", append([]string{"rpm", "--root", root}, args...)...) }
		rpm("--initdb")
		before := installed(t, root)
		dropIn := func(file string) bool {
			return strings.Contains(file, "/pidbox-chpst-") || strings.Contains(file, "/pidbox-start-stop-daemon-") || strings.Contains(file, "/pidbox-core-") || strings.HasSuffix(file, ".src.rpm")
		}
		rpm(append([]string{"-i", "--nodeps"}, slices.DeleteFunc(glob(t, one+"/*.rpm"), dropIn)...)...)
		runsAll(t, root+"/usr/bin", "1.2.3")
		linksLead(t, root+"/usr/share/doc/pidbox")
		rpm(append([]string{"-U", "--nodeps"}, slices.DeleteFunc(glob(t, next+"/*.rpm"), dropIn)...)...)
		runsAll(t, root+"/usr/bin", "1.2.4")
		rpm(append([]string{"-i", "--nodeps"}, glob(t, next+"/pidbox-[cs][ht]*.rpm")...)...)
		for link, want := range map[string]string{"sbin/start-stop-daemon": "start-stop-daemon (pidbox) 1.2.4", "bin/chpst": "chpst (pidbox)"} {
			cmd := exec.Command(root+"/usr/"+link, "-V")
			if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), want) { // chpst -V is status 100
				t.Errorf("%s -V says %q", link, out)
			}
		}
		rpm("-e", "pidbox-daemonize", "pidbox-fault", "pidbox-start-stop-daemon", "pidbox-chpst", "pidbox")
		if after := installed(t, root); !slices.Equal(before, after) { // the directories are another package's
			t.Errorf("left behind: %q, before: %q", after, before)
		}
	})
	t.Run("bosh", func(t *testing.T) {
		tools(t, "ruby", "unshare", "ip", "busybox", "monit")
		root := t.TempDir()
		sh(t, root, "tar", "-xzf", fmt.Sprintf("%s/pidbox-1.2.3-linux-%s.tar.gz", one, arch), "--strip-components=1")
		example(t, root+"/bin", "bosh.sh", "DIST="+one)
	})
	t.Run("tarball", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		sh(t, root, "tar", "-xzf", fmt.Sprintf("%s/pidbox-1.2.3-linux-%s.tar.gz", one, arch), "--strip-components=1")
		runsAll(t, root+"/bin", "1.2.3")
		for _, name := range []string{"share/doc/pidbox/LICENSE", "share/doc/pidbox/README.md", "share/doc/pidbox/CHANGELOG.md", "share/man/man1/pid-kill.1"} {
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestInstall installs under a prefix, twice, and removes: what was there before is all that is there afterwards.
func TestInstall(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	binary := built(t)
	install := func(args ...string) string {
		return sh(t, "", append([]string{"env", "DESTDIR=" + root, "PREFIX=/opt/pidbox", abs(t, "../packaging/install")}, args...)...)
	}
	for _, dir := range []string{"bin", "share/man/man1"} {
		if err := os.MkdirAll(root+"/opt/pidbox/"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	page := root + "/opt/pidbox/share/man/man1/daemonize.1.gz"
	theirs := root + "/opt/pidbox/bin/daemonize"
	dangling := root + "/opt/pidbox/bin/sipid"
	if err := errors.Join(os.WriteFile(theirs, []byte("foreign"), 0o755), os.WriteFile(page, []byte("foreign"), 0o644), os.Symlink("/elsewhere/sipid", dangling)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if out := install(binary); out != "install: "+theirs+" is not a link to pidbox: left alone\ninstall: "+dangling+" is not a link to pidbox: left alone\n" {
			t.Errorf("install says %q", out)
		}
	}
	for _, name := range appletNames() {
		ours := name != "daemonize" && name != "sipid" && !isDropIn(name)
		if target, err := os.Readlink(root + "/opt/pidbox/bin/" + name); ours && (err != nil || target != "pidbox") {
			t.Errorf("%s is a link to %q, %v", name, target, err)
		}
		for _, file := range []string{"man/man1/%s.1", "bash-completion/completions/%s", "zsh/site-functions/_%s", "fish/vendor_completions.d/%s.fish"} {
			if _, err := os.Stat(root + "/opt/pidbox/share/" + fmt.Sprintf(file, name)); (err == nil) != ours {
				t.Errorf("%s of %s: %v", file, name, err)
			}
		}
	}
	install("--remove")
	if left := files(t, root); !slices.Equal(left, []string{"/opt/pidbox/bin/daemonize", "/opt/pidbox/bin/sipid", "/opt/pidbox/share/man/man1/daemonize.1.gz"}) {
		t.Errorf("left behind: %q", left)
	}
	if read(t, theirs) != "foreign" || read(t, page) != "foreign" {
		t.Error("a foreign file was changed")
	}
}

// TestInstallFails installs where there is no room and where nothing may be written: it says so, leaves the binary that was
// there, and no half of a new one.
func TestInstallFails(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	tools(t, "unshare")
	t.Parallel()
	binary, root := built(t), t.TempDir()
	const script = `set -u
mount -t tmpfs -o "size=1m" none "$1"
mkdir "$1/bin"; echo old >"$1/bin/pidbox"
[ "$3" = full ] || mount -o remount,ro "$1"
if PREFIX=$1 "$2/install" "$4"; then echo installed; fi
[ "$(cat "$1/bin/pidbox")" = old ] || echo "the old binary is gone"
ls -A "$1/bin"`
	for how, want := range map[string]string{"full": "No space left", "readonly": "Read-only file system"} {
		out := sh(t, "", "unshare", "--mount", "sh", "-c", script, "sh", root, abs(t, "../packaging"), how, binary)
		if !strings.Contains(out, want) || strings.Contains(out, "installed") || strings.Contains(out, "gone") || !strings.HasSuffix(out, "\npidbox\n") {
			t.Errorf("%s: %s", how, out)
		}
	}
}

// TestDistVersions makes a version that comes before another one in a directory where that lies already, of sources that are in
// no repository; and refuses what is no version.
func TestDistVersions(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("rpmbuild keeps owners as root only")
	}
	tools(t, "dpkg-deb", "rpmbuild", "go", "make", "git")
	t.Parallel()
	src, out := sources(t, 0), t.TempDir()
	if err := os.WriteFile(out+"/pidbox-1.0.0-linux-amd64.tar.gz", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	sh(t, src, "env", "-u", marker, "-u", "SOURCE_DATE_EPOCH", "OUT="+out, "packaging/dist", "1.0.0~rc1", runtime.GOARCH)
	sums := read(t, out+"/SHA256SUMS")
	if strings.Count(sums, "\n") != 17 || strings.Count(sums, "1.0.0~rc1") != 17 {
		t.Errorf("SHA256SUMS is not of this version alone:\n%s", sums)
	}
	for _, version := range []string{"", "1.", ".1", "1.0~", "1.0-rc1", "1.0 2", "v1.0", "1.0\n2.0"} {
		cmd := exec.Command("packaging/dist", version)
		cmd.Dir = src
		if text, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(text), "dist") {
			t.Errorf("version %q: %v %s", version, err, text)
		}
	}

	// Whoever installs may have no Go.
	sh(t, src, "env", "-u", marker, "make", "-s", "build")
	sh(t, src, "make", "-s", "install", "GO=no-such-go", "DESTDIR="+out+"/root")
	runsAll(t, out+"/root/usr/local/bin", "pidbox")
}

// linksLead asks every relative link of the documents under dir where it leads.
func linksLead(t *testing.T, dir string) {
	t.Helper()
	link := regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	pages := 0
	for _, path := range walk(t, dir, false) {
		if filepath.Ext(path) != ".md" {
			continue
		}
		pages++
		for _, m := range link.FindAllStringSubmatch(read(t, dir+path), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(dir+path), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", dir+path, m[1])
			}
		}
	}
	if pages < 5 {
		t.Errorf("%s has only %d documents", dir, pages)
	}
}

// openDir is a directory of the test that everybody can read: rpmlint runs as nobody.
func openDir(t *testing.T) string {
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sources is a copy of the sources whose files are older by age, in no repository.
func sources(t *testing.T, age time.Duration) string {
	src := t.TempDir()
	sh(t, "..", "sh", "-c", `git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$1"`, "sh", src)
	then := time.Now().Add(-age)
	err := filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, then, then)
	})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// dist makes a release of sources older by age.
func dist(t *testing.T, version string, age time.Duration, arch string) string {
	src, out := sources(t, age), openDir(t)
	sh(t, src, "env", "-u", marker, "OUT="+out, "SOURCE_DATE_EPOCH=1700000000", "packaging/dist", version, arch)
	return out
}

func debRoot(t *testing.T) string {
	root := t.TempDir()
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available", "status-old"} {
		if err := os.WriteFile(root+"/var/lib/dpkg/"+file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// daemonizeDeb is a package that owns the same paths as the distributions' package daemonize.
func daemonizeDeb(t *testing.T) string {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"DEBIAN/control":                    "Package: daemonize\nVersion: 1.7.8-3\nArchitecture: all\nMaintainer: nobody <nobody@example.invalid>\nDescription: runs a command as a daemon\n",
		"usr/bin/daemonize":                 "#!/bin/sh\necho theirs\n",
		"usr/share/man/man1/daemonize.1.gz": "theirs",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir() + "/daemonize.deb"
	sh(t, "", "dpkg-deb", "--root-owner-group", "--build", dir, out)
	return out
}

// runsAll runs every applet by its link, and expects this version of pidbox.
func runsAll(t *testing.T, bin, version string) {
	t.Helper()
	if out := sh(t, "", filepath.Join(bin, "pidbox"), "--version"); !strings.Contains(out, version) {
		t.Errorf("pidbox --version: %q", out)
	}
	for _, name := range appletNames() {
		if _, err := os.Lstat(filepath.Join(bin, name)); isDropIn(name) && !strings.HasSuffix(bin, "/lib/pidbox/bin") {
			if err == nil {
				t.Errorf("%s is linked in %s, where another program has that name", name, bin)
			}
			continue
		}
		if out := sh(t, "", filepath.Join(bin, name), "--help"); !strings.HasPrefix(out, name+": ") {
			t.Errorf("%s --help: %q", name, out)
		}
	}
}

// daemon starts a daemon with daemonize, ended by the test's cleanup, and is its PID.
func daemon(t *testing.T, daemonize string) int {
	var pid int
	if _, err := fmt.Sscan(sh(t, "", daemonize, "sleep", "600"), &pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, pid) })
	return pid
}

// end kills a process that this test started and waits until it is gone.
func end(t *testing.T, pid int) {
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(time.Minute); lab.Running(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d does not end", pid)
		}
	}
}

func deb(dir, name, version, arch string) string {
	return fmt.Sprintf("%s/%s_%s_%s.deb", dir, name, version, arch)
}

// built is the project's binary, made for these tests.
func built(t *testing.T) string {
	binary := t.TempDir() + "/pidbox"
	sh(t, "..", "env", "-u", marker, "make", "-s", "build", "BINARY="+binary)
	return binary
}

// tree is every path under root but what the package databases keep for themselves.
func tree(t *testing.T, root string) []string { return foreign(walk(t, root, true)) }

// installed is tree without the directories.
func installed(t *testing.T, root string) []string { return foreign(files(t, root)) }

func foreign(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		return strings.HasPrefix(path, "/var/lib/dpkg/") || strings.HasPrefix(path, "/var/lib/rpm/") || strings.HasPrefix(path, "/root/.rpmdb")
	})
}

func files(t *testing.T, root string) []string { return walk(t, root, false) }

func walk(t *testing.T, root string, dirs bool) (paths []string) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (dirs || !d.IsDir()) {
			paths = append(paths, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// sh runs a command in dir and is its output, both streams; a failure ends the test.
func sh(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out.String())
	}
	return out.String()
}

func tools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	return paths
}

func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
