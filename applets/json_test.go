package applets

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pidbox/lib/supervise"
)

// TestJSONFieldsAreDocumented wants each field of the objects in pidbox-json(5), in the section of its applet.
func TestJSONFieldsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../packaging/man/pidbox-json.5")
	if err != nil {
		t.Fatal(err)
	}
	for section, objects := range map[string][]any{
		"pid-claim, pid-kill":            {outcome{}},
		"pid-alive":                      {answer{}, ending{}},
		"keep-alive --status, --restart": {supervise.Status{}},
		"wait-healthy":                   {jsonResult{}, jsonTarget{}},
	} {
		_, part, _ := strings.Cut(string(text), "\n.Ss "+section+"\n")
		part, _, _ = strings.Cut(part, "\n.S")
		for _, object := range objects {
			kind := reflect.TypeOf(object)
			for i := range kind.NumField() {
				name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
				if name != "" && !regexp.MustCompile(`\b`+name+`\b`).MatchString(part) {
					t.Errorf("pidbox-json(5), %s: the field %s is missing", section, name)
				}
			}
		}
	}
}
