//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples runs each example of packaging/ as it stands there, in namespaces where its paths and ports are free.
func TestExamples(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mount and network namespaces need root")
	}
	tools(t, "unshare", "ip", "busybox", "dash", "bash", "monit", "make", "pgrep")
	t.Parallel()
	bin := t.TempDir()
	binary := built(t)
	sh(t, "", "env", "DESTDIR="+bin, "PREFIX=/", abs(t, "../packaging/install"), binary)
	bin += "/bin"
	for _, shell := range []string{"dash", "bash", "busybox ash"} {
		t.Run("init under "+shell, func(t *testing.T) {
			name, rest, _ := strings.Cut(shell, " ")
			path, err := exec.LookPath(name)
			if err == nil && rest != "" { // busybox takes the applet from its name
				link := filepath.Join(t.TempDir(), rest)
				err = os.Symlink(path, link)
				path = link
			}
			if err != nil {
				t.Fatal(err)
			}
			example(t, bin, "init.sh", "SHELL_UNDER_TEST="+path)
		})
	}
	for _, page := range []string{"../README.md", "../packaging/docs/tour.md"} {
		t.Run(filepath.Base(page), func(t *testing.T) { example(t, bin, "blocks.sh", "BLOCKS="+blocks(t, page)) })
	}
	t.Run("dockerfile", func(t *testing.T) { example(t, bin, "dockerfile.sh") })
	t.Run("monit", func(t *testing.T) { example(t, bin, "monit.sh") })
	t.Run("cron", func(t *testing.T) { example(t, bin, "cron.sh") })
	t.Run("entrypoint", func(t *testing.T) { example(t, bin, "entrypoint.sh") })
	t.Run("systemd", func(t *testing.T) {
		tools(t, "systemd-analyze")
		t.Parallel()
		unit := strings.ReplaceAll(read(t, "../packaging/examples/web.service"), "/usr/lib/pidbox/bin", bin)
		file := filepath.Join(t.TempDir(), "web.service")
		if err := os.WriteFile(file, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		if out := sh(t, "", "systemd-analyze", "verify", "--man=no", file); strings.Contains(out, "web.service") {
			t.Error(out)
		}
	})
}

// blocks is a directory with a file for each example of a page that is a script of its own.
func blocks(t *testing.T, page string) string {
	dir := t.TempDir()
	found := 0
	for i, block := range strings.Split(read(t, page), "\n```sh\n")[1:] {
		text, _, ended := strings.Cut(block, "\n```\n")
		if !ended {
			t.Fatalf("an example of %s has no end: %.80s", page, block)
		}
		if strings.HasPrefix(text, "#!") { // templates for others to fill in
			continue
		}
		if err := os.WriteFile(fmt.Sprintf("%s/%02d.sh", dir, i), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		found++
	}
	if found < 3 {
		t.Fatalf("only %d examples in %s", found, page)
	}
	return dir
}

// example runs a script of testdata, with the applets of bin, in mount, network and PID namespaces of its own.
func example(t *testing.T, bin, script string, env ...string) {
	t.Parallel()
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-eu", script)
	cmd.Dir = "testdata"
	cmd.Env = append(os.Environ(), append(env, "BIN="+bin, "EXAMPLES="+abs(t, "../packaging/examples"), "BOSH="+abs(t, "../packaging/bosh"))...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestShellIsClean has every shell script of the project read by the tools that know better.
func TestShellIsClean(t *testing.T) {
	tools(t, "shellcheck", "shfmt", "dash", "busybox", "git")
	t.Parallel()
	var scripts []string
	for _, file := range strings.Fields(sh(t, "..", "git", "ls-files", "packaging", "testscripts/testdata", ".ci")) {
		if info, err := os.Stat("../" + file); err != nil || !info.Mode().IsRegular() { // removed and not yet committed
			continue
		}
		if strings.HasPrefix(read(t, "../"+file), "# shellcheck shell=bash\n") {
			sh(t, "..", "shellcheck", "--shell=bash", file)
			sh(t, "..", "bash", "-n", file)
			continue
		}
		if strings.HasSuffix(file, ".sh") || strings.HasPrefix(read(t, "../"+file), "#!/bin/sh\n") {
			scripts = append(scripts, file)
		}
	}
	if len(scripts) < 10 {
		t.Fatalf("only %q", scripts)
	}
	for _, check := range [][]string{{"shellcheck", "--shell=sh", "--exclude=SC1091"}, {"shfmt", "-d", "-ln", "posix"}} {
		sh(t, "..", append(check, scripts...)...)
	}
	for _, script := range scripts {
		sh(t, "..", "dash", "-n", script)
		sh(t, "..", "busybox", "ash", "-n", script)
	}
}
