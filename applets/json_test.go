//go:build !pidbox_some

package applets

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pidbox/lib/fault/report"
	"pidbox/lib/fault/run"
	"pidbox/lib/jsonline"
	"pidbox/lib/supervise"
)

// kind is a part of packaging/docs/json.schema.json.
type kind struct {
	Title       string
	Description string
	Properties  map[string]kind
	Required    []string
	Items       *kind
}

// TestJSONIsAsDocumented holds the schema to the types that are printed, and pidbox-json(5) to the schema.
func TestJSONIsAsDocumented(t *testing.T) {
	var schema struct {
		Defs map[string]kind `json:"$defs"`
	}
	text, err := os.ReadFile("../packaging/docs/json.schema.json")
	if err == nil {
		err = json.Unmarshal(text, &schema)
	}
	page, err2 := os.ReadFile("../packaging/man/pidbox-json.5")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	types := map[string]any{
		"outcome": outcome{}, "pid-alive": answer{}, "keep-alive": jsonStatus{}, "wait-healthy": jsonResult{},
		"fault-tester-case": report.Case{}, "fault-tester-run": report.Summary{}, "fault-tester-list": listed{},
		"fault-tester-check": run.Finding{}, "fault-tester-judge": judged{},
	}
	for name, def := range schema.Defs {
		if types[name] == nil {
			t.Errorf("%s: no type", name)
			continue
		}
		sameFields(t, name, reflect.TypeOf(types[name]), def)
		_, section, found := strings.Cut(string(page), "\n.Ss "+def.Title+"\n")
		section, _, _ = strings.Cut(section, "\n.S")
		if !found {
			t.Errorf("pidbox-json(5) has no section %q", def.Title)
		}
		for field, property := range def.Properties {
			if want := "\n.It " + field + "\n" + property.Description + "\n"; !strings.Contains(section+"\n", want) {
				t.Errorf("pidbox-json(5), %s: missing:%s", def.Title, want)
			}
		}
		if n := strings.Count(section, "\n.It "); n != len(def.Properties) {
			t.Errorf("pidbox-json(5), %s: %d fields, and %d in the schema", def.Title, n, len(def.Properties))
		}
	}
}

// sameFields wants the fields of a type in the schema, and no others; those that may be left out are not required there.
func sameFields(t *testing.T, name string, of reflect.Type, want kind) {
	t.Helper()
	got := map[string]bool{} // required
	var add func(reflect.Type)
	add = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			field, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && field == "":
				add(f.Type)
			case field != "" && field != "-":
				got[field] = !strings.Contains(rest, "omit")
			}
		}
	}
	add(of)
	if name == "fault-tester-case" { // MarshalJSON
		got["failover"], got["recovery"], got["first_ok"] = false, false, false
	}
	for field, required := range got {
		if _, ok := want.Properties[field]; !ok {
			t.Errorf("the schema of %s has no %s", name, field)
		} else if required != slices.Contains(want.Required, field) {
			t.Errorf("the schema of %s: %s is required: %v", name, field, !required)
		}
	}
	for field := range want.Properties {
		if _, ok := got[field]; !ok {
			t.Errorf("the schema of %s has %s, which is never printed", name, field)
		}
	}
}

// TestObjectsAreTheirFields holds what is written by hand to what the tags of the fields say.
func TestObjectsAreTheirFields(t *testing.T) {
	code := 3
	acted := outcome{2, "f", 3, true, &ending{Signal: "TERM"}, 0.25, "why"}
	full := answer{"f\"<", 1, "stale", 4, "why", "proof", "record", "4:5", &ending{&code, "TERM", true, true, "x"}, nil}
	waited := jsonResult{1, true, 1.25, 3, "r", []jsonTarget{{}, {"t", true, true, 2, "<&>"}}}
	for _, c := range []struct {
		fields any
		object *jsonline.Object
	}{
		{outcome{}, outcome{}.object()},
		{acted, acted.object()},
		{answer{}, answer{}.object()},
		{full, full.object()},
		{ending{}, (&ending{}).object()},
		{jsonStatus{}, jsonStatus{}.object()},
		{jsonStatus{3, "f", supervise.Status{State: absent}, "why"}, jsonStatus{3, "f", supervise.Status{State: absent}, "why"}.object()},
		{jsonResult{}, jsonResult{}.object()},
		{waited, waited.object()},
	} {
		want, err := json.Marshal(c.fields)
		if err != nil || c.object.String() != string(want) {
			t.Errorf("%s, want %s (%v)", c.object, want, err)
		}
	}
}
