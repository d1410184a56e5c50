//go:build linux && listen

package testscripts

import (
	"os"
	"path/filepath"
	"testing"
)

// These take minutes: make test-listen.

func TestListenServers(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"app.py": `def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"ok\n"]
`,
		"haproxy.cfg": `global
  maxconn 4000
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 60s
frontend web
  bind fd@3
  http-request return status 200 content-type text/plain string ok
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range [][]string{
		{"haproxy", "-db", "-f", filepath.Join(dir, "haproxy.cfg")},
		{"gunicorn", "--workers", "2", "--chdir", dir, "app:app"},
	} {
		t.Run(command[0], func(t *testing.T) {
			tools(t, command[0])
			listenWhileKilled(t, 200, 1000, command...)
		})
	}
}
