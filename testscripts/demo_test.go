//go:build linux

package testscripts

import (
	"encoding/xml"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestDemoPicture holds the picture of README to the tour: it shows the commands and the comments that the tour prints now, but for numbers.
func TestDemoPicture(t *testing.T) {
	t.Parallel()
	tools(t, "dash", "busybox")
	svg, err := os.ReadFile("../packaging/docs/demo.svg")
	if err != nil {
		t.Fatal(err)
	}
	var picture struct {
		Text []string `xml:"text"`
	}
	if err := xml.Unmarshal(svg, &picture); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(abs(t, "../packaging/demo"), built(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	printed := plain(string(out))
	if len(picture.Text) < 20 {
		t.Errorf("the picture has only %d lines", len(picture.Text))
	}
	for _, line := range picture.Text {
		if strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "# ") {
			if !strings.Contains(printed, plain(line)) {
				t.Errorf("the tour does not print %q: run make picture", line)
			}
		}
	}
}

func plain(text string) string { return regexp.MustCompile(`\d+`).ReplaceAllString(text, "N") }
