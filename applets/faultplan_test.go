//go:build !pidbox_some

package applets

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	"pidbox/lib/fault/run"
	"pidbox/lib/manual"
)

// object is a kind of object in a plan, as its struct in lib/fault/plan and the comments there describe it.
type object struct {
	name, doc string
	fields    []field
}

type field struct{ name, kind, doc string }

// planObjects reads the structs of a plan, so that no field goes without a word in the pages.
func planObjects(t *testing.T) (all []object) {
	t.Helper()
	titles := map[string]string{"Plan": "The file", "Member": "A member", "TLS": "tls", "Defaults": "defaults", "Traffic": "defaults, and a case",
		"Check": "check", "OnFailure": "on_failure", "Case": "A case", "Until": "until", "Also": "also", "Health": "health", "Client": "A load", "KV": "kv"}
	for _, file := range []string{"plan.go", "traffic.go", "health.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), "../lib/fault/plan/"+file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			general, _ := d.(*ast.GenDecl)
			if general == nil || general.Tok != token.TYPE {
				continue
			}
			spec := general.Specs[0].(*ast.TypeSpec)
			structure, is := spec.Type.(*ast.StructType)
			title := titles[spec.Name.Name]
			if !is || title == "" {
				continue
			}
			o := object{name: title, doc: oneLine(general.Doc.Text())}
			for _, f := range structure.Fields.List {
				if f.Tag == nil {
					continue
				}
				name := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml")
				if name == "-" || strings.Contains(name, "inline") {
					continue
				}
				o.fields = append(o.fields, field{name, kindOf(f.Type), oneLine(f.Comment.Text())})
			}
			all = append(all, o)
		}
	}
	return all
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// kindOf is a field's type in the words of a plan.
func kindOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return kindOf(e.X)
	case *ast.ArrayType:
		return "list of " + kindOf(e.Elt)
	case *ast.SelectorExpr:
		return "both, in or out"
	case *ast.Ident:
		words := map[string]string{"string": "text", "int": "whole number", "uint64": "whole number", "float64": "number", "bool": "true or false",
			"Duration": "duration", "Positive": "duration", "Count": "whole number", "Frequency": "number", "Span": "duration", "Size": "size", "Command": "command", "Loads": "loads", "Members": "list of objects, or exec: command", "Health": "URL, or object", "On": "choice, or names"}
		if w := words[e.Name]; w != "" {
			return w
		}
		return "object"
	}
	return "?"
}

// planTables is the part "plan" of the pages.
func planTables(t *testing.T) string {
	var b strings.Builder
	for _, o := range planObjects(t) {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n| field | type | meaning, and default |\n|---|---|---|\n", o.name, o.doc)
		for _, f := range o.fields {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, f.kind, strings.ReplaceAll(f.doc, "|", `\|`))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// variableTable is the part "variables" of the pages.
func variableTable() string {
	b := "| variable | value |\n|---|---|\n"
	for _, v := range run.Variables() {
		b += fmt.Sprintf("| `%s` | %s |\n", v.Name, v.Text)
	}
	return b
}

// planPage is fault-tester(5).
func planPage(t *testing.T, e manual.Edition) string {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`)
	fmt.Fprintf(&b, ".Dd %s\n.Dt FAULT-TESTER 5\n.Os pidbox %s\n.Sh NAME\n.Nm fault\\-tester\n.Nd plans of fault\\-tester, in YAML\n.Sh DESCRIPTION\n", e.Date, e.Version)
	b.WriteString("A duration is a text such as 500ms or 1m30s, or seconds.\nA size is a number of bytes such as 4096 or 64KiB.\n" +
		"A command is a list of words, or one text that sh runs.\n")
	for _, o := range planObjects(t) {
		fmt.Fprintf(&b, ".Ss %s\n%s\n.Bl -tag -width Ds\n", escape.Replace(o.name), escape.Replace(strings.ReplaceAll(o.doc, ". ", ".\n")))
		for _, f := range o.fields {
			doc := ""
			if f.doc != "" {
				doc = ": " + f.doc
			}
			fmt.Fprintf(&b, ".It Cm %s\n%s%s\n", escape.Replace(f.name), f.kind, escape.Replace(strings.TrimSuffix(doc, ".")))
		}
		b.WriteString(".El\n")
	}
	b.WriteString(".Sh ENVIRONMENT\nLoads, check, until, effect, inject, undo, setup, on_failure and hooks are given:\n.Bl -tag -width Ds\n")
	for _, v := range run.Variables() {
		fmt.Fprintf(&b, ".It Ev %s\n%s\n", v.Name, escape.Replace(v.Text))
	}
	b.WriteString(".El\n")
	b.WriteString(".Sh SEE ALSO\n.Xr fault\\-agent 1 ,\n.Xr fault\\-tester 1\n")
	return b.String()
}
