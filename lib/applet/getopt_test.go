package applet

import (
	"strings"
	"testing"
)

// TestGetopt holds Getopt to what getopt_long(3) of glibc answers for the same lines.
func TestGetopt(t *testing.T) {
	tests := []struct{ line, want string }{
		{"", ""},
		{"-q x -p f y", "q p=f | x y"},
		{"-qpf", "q p=f"},
		{"-qp f", "q p=f"},
		{"-p=f", "p==f"},
		{"--pidfile=f --pidfile g", "p=f p=g"},
		{"--pidf f --qu", "p=f q"},
		{"-q -- -p f", "q | -p f"},
		{"- -q", "q | -"},
		{"--pid 3", "pid=3"},
		{"--pi 3", "!option '--pi' is ambiguous; possibilities: '--pid' '--pidfile'"},
		{"--pi=3", "!option '--pi=3' is ambiguous; possibilities: '--pid' '--pidfile'"},
		{"--p", "!option '--p' is ambiguous; possibilities: '--pid' '--pidfile'"},
		{"--q=1", "!option '--quiet' doesn't allow an argument"},
		{"--quiet=1", "!option '--quiet' doesn't allow an argument"},
		{"--nope=1", "!unrecognized option '--nope=1'"},
		{"-qZ", "!invalid option -- 'Z'"},
		{"-q -p", "!option requires an argument -- 'p'"},
		{"--pidfile", "!option '--pidfile' requires an argument"},
		{"--pidf", "!option '--pidfile' requires an argument"},
	}
	for _, test := range tests {
		var got []string
		note := func(name string) func(string) error {
			return func(s string) error { got = append(got, name+s); return nil }
		}
		options := []Option{
			Set("quiet q", "", "", func(string) error { got = append(got, "q"); return nil }),
			Set("pidfile p", "FILE", "", note("p=")), Set("pid", "PID", "", note("pid=")),
		}
		operands, err := new(Call).Getopt(options, strings.Fields(test.line), false)
		if len(operands) > 0 {
			got = append(append(got, "|"), operands...)
		}
		is := strings.Join(got, " ")
		if err != nil {
			is = "!" + err.Error()
		}
		if is != test.want {
			t.Errorf("%q: %s, want %s", test.line, is, test.want)
		}
	}
	operands, err := new(Call).Getopt(nil, []string{"prog", "-x"}, true)
	if err != nil || strings.Join(operands, " ") != "prog -x" {
		t.Errorf("ordered: %q, %v", operands, err)
	}
}
