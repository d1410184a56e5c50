package applets

import (
	"fmt"
	"strings"
	"testing"

	"pidbox/lib/applet"
)

// TestForeignOptionsAreForeign holds that an applet has none of the options that are said to be another program's, but for
// -h, which is help here when it stands alone.
func TestForeignOptionsAreForeign(t *testing.T) {
	for _, e := range List() {
		options := e.New().All(new(applet.Common))
		for _, o := range foreignOptions(e.Name) {
			for spelling := range strings.FieldsSeq(o.options) {
				if own := applet.Find(options, strings.TrimLeft(spelling, "-")); own != nil && spelling != "-h" {
					t.Errorf("%s has %s itself, said to be of %s", e.Name, spelling, o.program)
				}
			}
		}
	}
}

// migration is foreignOptions as the tables of a page, one for each program.
func migration(list []applet.Entry) string {
	var programs []string
	rows := map[string]*strings.Builder{}
	for _, e := range list {
		for _, o := range foreignOptions(e.Name) {
			b := rows[o.program]
			if b == nil {
				b = &strings.Builder{}
				rows[o.program], programs = b, append(programs, o.program)
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", strings.ReplaceAll(o.options, " ", "`, `"), e.Name, o.ours)
		}
	}
	var page strings.Builder
	for _, program := range programs {
		fmt.Fprintf(&page, "### %s\n\n| option | applet | here |\n|---|---|---|\n%s\n", program, rows[program])
	}
	return page.String()
}
