//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

func TestMain(m *testing.M) {
	if lab.Enter() {
		os.Exit(command(true))
	}
	os.Exit(m.Run())
}

// TestSoak is a short soak. It asserts no speed: only that no promise was broken.
func TestSoak(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for namespaces")
	}
	length := "30s"
	if testing.Short() {
		length = "3s"
	}
	pidbox := t.TempDir() + "/pidbox"
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-tags", "urfave_cli_no_docs", "-o", pidbox, "pidbox").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	out, err := lab.Isolated(ctx, false, "-for", length, pidbox)
	if err != nil && os.Getenv("CI") == "" && strings.Contains(err.Error(), "not permitted") && out == "" {
		t.Skip(err)
	}
	t.Log("\n" + out)
	if err != nil {
		t.Fatal(err)
	}
}
