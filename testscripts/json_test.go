//go:build linux

package testscripts

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// schema is the part of JSON Schema that packaging/docs/json.schema.json uses.
type schema struct {
	Defs                 map[string]schema `json:"$defs"`
	Type                 any
	Enum                 []any
	Format               string
	Properties           map[string]schema
	AdditionalProperties *bool
	Required             []string
	Items                *schema
}

// json KIND [LAST]: standard output of the last command is lines of JSON, each as KIND of the schema has it, and at
// least one; the last one as LAST has it. Standard error is looked at as ever.
func jsonLines(ts *testscript.TestScript, args []string) {
	needArgs(ts, args, 1, "json kind")
	text, err := os.ReadFile("../packaging/docs/json.schema.json")
	ts.Check(err)
	var all schema
	ts.Check(json.Unmarshal(text, &all))
	for _, name := range args {
		if _, ok := all.Defs[name]; !ok {
			ts.Fatalf("the schema has no %q", name)
		}
	}
	out := ts.ReadFile("stdout")
	if !strings.HasSuffix(out, "\n") {
		ts.Fatalf("standard output is no line")
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for i, line := range lines {
		kind := args[0]
		if i == len(lines)-1 {
			kind = args[len(args)-1]
		}
		var value any
		ts.Check(json.Unmarshal([]byte(line), &value))
		ts.Check(all.Defs[kind].check(kind, value))
	}
}

// check is an error where a value is not as the schema wants it.
func (s schema) check(at string, value any) error {
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		return fmt.Errorf("%s: %v is not one of %v", at, value, s.Enum)
	}
	if is := kindOf(value); s.Type != nil && !slices.ContainsFunc(s.types(), func(want string) bool {
		return want == is || want == "number" && is == "integer"
	}) {
		return fmt.Errorf("%s: %v is no %v", at, value, s.Type)
	}
	switch v := value.(type) {
	case string:
		if s.Format == "date-time" {
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		}
	case []any:
		for i, item := range v {
			if err := s.Items.check(fmt.Sprintf("%s[%d]", at, i), item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				return fmt.Errorf("%s: %s is missing", at, name)
			}
		}
		for name, item := range v {
			property, ok := s.Properties[name]
			if !ok {
				return fmt.Errorf("%s: %s is unknown", at, name)
			}
			if err := property.check(at+"."+name, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s schema) types() []string {
	switch t := s.Type.(type) {
	case string:
		return []string{t}
	case []any:
		var all []string
		for _, one := range t {
			all = append(all, one.(string))
		}
		return all
	}
	return nil
}

func kindOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
