//go:build linux

package testscripts

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// lint compares what lintian and rpmlint say of the packages in dir, without overrides and filters, with what decision 0042
// argues for: neither may have a tag that the other has not.
func lint(t *testing.T, dir string) {
	// Never rpmlint as root: it unpacks absolute paths.
	for _, rpm := range glob(t, dir+"/*.rpm") {
		if err := os.Chmod(rpm, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lintian := append([]string{"lintian", "--allow-root", "--pedantic", "--no-override", "--fail-on", "none"}, glob(t, dir+"/*.deb")...)
	rpmlint := append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/nonexistent", "rpmlint"},
		glob(t, dir+"/*.rpm")...)
	said := map[string]bool{}
	for tool, form := range map[string]string{
		"lintian": `(?m)^[EWP]: (\S+): (\S+)`,
		"rpmlint": `(?m)^(\S+?)(?:\.(?:x86_64|aarch64|armv7hl))?(?::\d+)?: [EW]: (\S+)`,
	} {
		argv := lintian
		if tool == "rpmlint" {
			argv = rpmlint
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = "/"
		out, _ := cmd.CombinedOutput() // rpmlint's status is 64 where it has an error to say
		found := regexp.MustCompile(form).FindAllStringSubmatch(string(out), -1)
		if len(found) < 5 {
			t.Fatalf("%s says only %s", tool, out)
		}
		for _, m := range found {
			said[tool+": "+m[1]+": "+m[2]] = true
		}
	}
	argued := map[string]bool{}
	row := regexp.MustCompile(`(?m)^\| (\S+) \| (lintian|rpmlint) \| ([^|]+) \| [^|]+ \|$`)
	for _, m := range row.FindAllStringSubmatch(read(t, glob(t, "../packaging/decisions/0042-*.md")[0]), -1) {
		for _, of := range strings.Split(m[3], ", ") {
			argued[m[2]+": "+of+": "+m[1]] = true
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(said)) {
		if !argued[tag] {
			t.Errorf("%s: decision 0042 has no word for it", tag)
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(argued)) {
		if !said[tag] {
			t.Errorf("%s: decision 0042 argues for it, and nothing says it", tag)
		}
	}
}
