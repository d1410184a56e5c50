package multicall

import (
	"io"
	"reflect"
	"testing"

	"pidbox/lib/applet"
)

// A build of some applets reads a command line as the full one does: the same values in the same order, operands and
// refusals.
func TestTwoParsers(t *testing.T) {
	words := []string{ // as spell leaves them: a value is behind an equals sign
		"-q", "-h", "--hold", "--hold=no", "--hold=perhaps", "--hold=", "-n=false", "--retry=1", "--retry=x",
		"--show", "--show=3", "--show=", "-p=a=b", "--pid-file=", "-", "--", "x", "", "help", "h", "--env=A=1,B=2", "--must=1", "-p=-x"}
	type outcome struct {
		set      []string
		operands []string
		given    []bool
		err      string
	}
	try := func(read func([]applet.Option, []string, *applet.Call) ([]string, error), words []string) outcome {
		var o outcome
		var on bool
		note := func(name string) func(string) error {
			return func(s string) error { o.set = append(o.set, name+"="+s); return nil }
		}
		var common applet.Common
		options := (&applet.Applet{Options: []applet.Option{
			applet.Switch(&on, "hold", ""), applet.Switch(&on, "dry-run n", ""),
			applet.Set("pid-file pidfile p", "FILE", "", note("p")), applet.Set("env E", "K=V", "", note("env")),
			applet.Set("must", "N", "", func(string) error { return errMust }),
			applet.Optionally("show", "D", "", "1s", note("show")),
			applet.Parsed(new(int), "retry", "N", "", applet.Int(0, 9)),
		}}).All(&common)
		call := &applet.Call{Stdout: io.Discard, Stderr: io.Discard}
		operands, err := read(options, words, call)
		if err != nil {
			o.err = err.Error()
			return o // of operands nothing is said then
		}
		o.operands = append(o.operands, operands...)
		for _, name := range []string{"hold", "dry-run", "n", "p", "pidfile", "env", "show", "retry", "quiet", "help"} {
			o.given = append(o.given, call.Given(name))
		}
		return o
	}
	byCli := func(options []applet.Option, words []string, call *applet.Call) ([]string, error) {
		return read("probe", options, words, call)
	}
	check := func(words ...string) {
		if a, b := try(byCli, words), try(set, words); !reflect.DeepEqual(a, b) {
			t.Errorf("%q: by urfave/cli %+v, by set %+v", words, a, b)
		}
	}
	for _, a := range words {
		check(a)
		for _, b := range words {
			check(a, b)
			for _, c := range words {
				check(a, b, c)
			}
		}
	}
}

type mustError struct{}

func (mustError) Error() string { return "must be greater than zero" }

var errMust error = mustError{}
