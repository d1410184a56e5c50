//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// packages is a list of those with init scripts that call start-stop-daemon, by themselves or by the functions of the LSB.
const packages = "testscripts/dropins/packages"

// unpack fetches the packages that there are, and keeps of each, in a folder of its name, its scripts, their settings and
// the names of its programs.
func unpack(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "made")); err == nil {
		return nil
	}
	debs := filepath.Join(dir, "debs")
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return err
	}
	list, err := os.ReadFile(packages)
	if err != nil {
		return err
	}
	known, err := exec.Command("apt-cache", "pkgnames").Output()
	if err != nil {
		return fmt.Errorf("apt-cache pkgnames: %w", err)
	}
	there := strings.Fields(string(known))
	slices.Sort(there)
	names := slices.DeleteFunc(strings.Fields(string(list)), func(name string) bool {
		_, ok := slices.BinarySearch(there, name)
		return !ok
	})
	get := exec.Command("apt-get", append([]string{"download", "-qq"}, names...)...)
	get.Dir = debs
	if out, err := get.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get download: %w: %s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range files {
		name, _, _ := strings.Cut(filepath.Base(deb), "_")
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		script := `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards './etc/init.d/*' './etc/default/*' './usr/share/orphan-sysvinit-scripts/*' 2>/dev/null
			dpkg-deb -c "$1" | sed -n 's,^-..x.* \./,/,p' | grep -E '^/(usr/)?(s?bin|lib|libexec|games)/' >"$2/programs"
			if [ -d "$2/usr/share/orphan-sysvinit-scripts" ]; then
				mkdir -p "$2/etc/init.d"; cp "$2"/usr/share/orphan-sysvinit-scripts/*[!m] "$2/etc/init.d"; rm -r "$2/usr"; rm -f "$2"/etc/init.d/*.md5sum
			fi`
		_ = exec.Command("sh", "-c", script, "sh", deb, to).Run() // most have no settings, which tar makes an error
		_ = os.Remove(deb)
	}
	return os.WriteFile(filepath.Join(dir, "made"), nil, 0o644)
}

// recorder stands in the place of start-stop-daemon while a script runs.
const recorder = `#!/bin/sh
{ printf '\001\000'; printf '%s\000' "$@"; } >>/calls
exit "$(cat /answer)"
`

// record runs each script of a package in each of its actions, once where start-stop-daemon always says 0 and once 1, and
// prints the calls.
func record(tree, dir, name string) error {
	text, err := os.ReadFile(filepath.Join(dir, "programs"))
	if err != nil {
		return err
	}
	own, err := filepath.Glob(filepath.Join(dir, "etc/init.d/*"))
	if err != nil {
		return err
	}
	for i, script := range own {
		own[i] = strings.TrimPrefix(script, dir)
	}
	if err := enter(dir, tree); err != nil {
		return err
	}
	wanted := strings.Fields(string(text))
	paths := regexp.MustCompile(`(?m)^\s*[A-Z_]*(?:DAEMON|EXEC|PROG|BIN|SERVER)[A-Z_]*="?(/[^\s"';]+)`)
	off := regexp.MustCompile(`(?mi)^(#?\s*[A-Z_]*(?:ENABLE|START|RUN)[A-Z_]*)=.*$`)
	for _, script := range own {
		text, err := os.ReadFile(script)
		if err != nil {
			return err
		}
		for _, found := range paths.FindAllStringSubmatch(string(text), -1) {
			wanted = append(wanted, found[1])
		}
		settings := "/etc/default/" + filepath.Base(script)
		if text, err := os.ReadFile(settings); err == nil {
			on := off.ReplaceAllStringFunc(string(text), func(line string) string {
				name, value, _ := strings.Cut(strings.TrimLeft(line, "# "), "=")
				for no, yes := range map[string]string{"no": "yes", "0": "1", "false": "true"} {
					if strings.EqualFold(strings.Trim(value, `"' `), no) {
						return name + "=" + yes
					}
				}
				return line
			})
			if err := os.WriteFile(settings, []byte(on), 0o644); err != nil {
				return err
			}
		}
	}
	for _, program := range wanted {
		if strings.ContainsAny(program, "$`*") || strings.HasPrefix(program, "/etc") {
			continue
		}
		if _, err := os.Stat(program); err == nil {
			continue
		}
		err := errors.Join(os.MkdirAll(filepath.Dir(program), 0o755), os.WriteFile(program, []byte("#!/bin/sh\nexit 0\n"), 0o755))
		if err != nil {
			return err
		}
	}
	for path, text := range map[string]string{"/bin/sleep": "#!/bin/sh\n", "/sbin/start-stop-daemon": recorder} {
		os.Remove(path)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return err
		}
	}
	var calls []call
	for _, script := range own {
		if text, _ := os.ReadFile(script); !regexp.MustCompile(`start-stop-daemon|init-functions|init-d-script`).Match(text) {
			continue
		}
		for _, answer := range []string{"0", "1"} {
			for _, action := range []string{"start", "status", "reload", "force-reload", "restart", "try-restart", "stop"} {
				os.Remove("/calls")
				if err := os.WriteFile("/answer", []byte(answer), 0o644); err != nil {
					return err
				}
				cmd := exec.Command("timeout", "5", "sh", script, action)
				if first, _ := os.ReadFile(script); strings.HasPrefix(string(first), "#!") {
					cmd = exec.Command("timeout", "5", script, action)
				}
				cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TERM=dumb"}
				cmd.WaitDelay = time.Second
				_ = cmd.Run() // its calls are what is wanted
				text, _ := os.ReadFile("/calls")
				for _, one := range strings.Split(string(text), "\001\000")[min(1, len(text)):] {
					args := strings.Split(strings.TrimSuffix(one, "\000"), "\000")
					c := call{name, filepath.Base(script), action, args}
					if len(args) > 0 && args[0] != "" && !slices.ContainsFunc(calls, func(o call) bool { return slices.Equal(o.Args, args) }) {
						calls = append(calls, c)
					}
				}
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(calls)
}
