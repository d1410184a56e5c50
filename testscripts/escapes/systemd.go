//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const unit = `[Unit]
SuccessAction=poweroff
FailureAction=poweroff
Wants=dbus.service
After=dbus.service
[Service]
Type=oneshot
ExecStart=/usr/local/bin/escapes -here /usr/local/bin/pidbox
StandardOutput=file:/rows
StandardError=file:/errors
`

// booted starts a container of the Debian in root, which has a systemd, and has this program measure there what needs one. The
// rows are in a file.
func booted(root, pidbox string) (rows string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	for to, from := range map[string]string{"escapes": self, "pidbox": pidbox} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(root, "usr/local/bin", to), text, 0o755)
		}
		if err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/systemd/system/escapes.service"), []byte(unit), 0o644); err != nil {
		return "", err
	}
	rows, failed := filepath.Join(root, "rows"), filepath.Join(root, "errors")
	os.Remove(rows)
	os.Remove(failed)
	limited, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(limited, "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe",
		"-D", root, "--boot", "systemd.unit=escapes.service").CombinedOutput()
	if text, _ := os.ReadFile(failed); len(text) > 0 || !exists(rows) {
		return "", fmt.Errorf("under systemd: %s %w\n%s", text, err, out)
	}
	return rows, nil
}
