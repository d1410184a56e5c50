//go:build linux

// Command soak runs random lives of processes by pidbox's applets, several services at once, in PID and mount namespaces
// of its own, with a checker that knows who owns what. It prints what was done and each violation of a promise; there must
// be none. The seed repeats the choices, though not the moments. It needs root.
//
// usage: soak [-for D] [-seed N] [-services N] PIDBOX
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"pidbox/testscripts/lab"
)

func main() { os.Exit(command(lab.Enter())) }

// command is the program outside of its namespace, and inside.
func command(inside bool) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 125
	}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	length := flags.Duration("for", 10*time.Minute, "how long, `D`")
	seed := flags.Uint64("seed", rand.Uint64(), "the choices, `N`")
	services := flags.Int("services", 6, "`N` services at once")
	if err := flags.Parse(os.Args[1:]); err != nil || flags.NArg() != 1 {
		return 64
	}
	if inside {
		s, err := soak(flags.Arg(0), *length, *seed, *services)
		if err != nil {
			return fail(err)
		}
		fmt.Print(s.report())
		if s.violations() > 0 {
			return 1
		}
		return 0
	}
	pidbox, err := filepath.Abs(flags.Arg(0))
	if err != nil {
		return fail(err)
	}
	if os.Geteuid() != 0 {
		return fail(fmt.Errorf("needs root, for namespaces of its own"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), *length+10*time.Minute)
	defer cancel()
	out, err := lab.Isolated(ctx, true, "-for", length.String(), "-seed", fmt.Sprint(*seed), "-services", fmt.Sprint(*services), pidbox)
	fmt.Print(out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 1
	}
	return 0
}
