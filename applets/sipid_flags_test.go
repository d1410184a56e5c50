package applets

import (
	"errors"
	"flag"
	"io"
	"reflect"
	"testing"

	"pidbox/lib/applet"
)

// sipid's command lines are read as package flag reads them, and refused in its words.
func TestSipidFlagsAreThoseOfPackageFlag(t *testing.T) {
	words := []string{"-pid", "--pid", "--pid=1", "-pid=x", "-pid=", "1", "--hold", "-hold=no", "--hold=maybe", "-hold=", "-", "--", "---x", "-=", "--=1",
		"-h", "--help", "-x", "--x=1", "-f", "--f=a=b", ""}
	type outcome struct {
		Pid      int
		Hold     bool
		F        string
		Given    map[string]bool
		Operands []string
		Err      string
	}
	try := func(args []string, parse func([]applet.Option) (map[string]bool, []string, error)) (out outcome) {
		var err error
		out.Given, out.Operands, err = parse([]applet.Option{
			applet.Parsed(&out.Pid, "pid", "PID", "", applet.PID), applet.Switch(&out.Hold, "hold", ""), applet.String(&out.F, "f", "F", "")})
		if out.Err = ""; err != nil {
			out.Err, out.Given, out.Operands = err.Error(), nil, nil
		}
		if errors.Is(err, flag.ErrHelp) || errors.Is(err, applet.ErrHelp) {
			out.Err = "help"
		}
		out.Operands = append([]string{}, out.Operands...)
		return out
	}
	check := func(args ...string) {
		ours := try(args, func(o []applet.Option) (map[string]bool, []string, error) { return sipidFlags(o, args) })
		theirs := try(args, func(o []applet.Option) (map[string]bool, []string, error) {
			flags, given := flag.NewFlagSet("", flag.ContinueOnError), map[string]bool{}
			flags.SetOutput(io.Discard)
			flags.Usage = func() {}
			for _, o := range o {
				flags.Var(o.Value, o.Names[0], "")
			}
			err := flags.Parse(args)
			flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
			return given, flags.Args(), err
		})
		if !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%q: %+v, package flag: %+v", args, ours, theirs)
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
