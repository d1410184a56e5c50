//go:build linux

// Command bench measures pidbox beside its peers on the same work, in interleaved runs, so that what else the machine does
// falls on all alike. It prints medians and ratios and writes results.md and results.svg beside its sources.
//
// usage: bench [-out DIR] [-run REGEXP] [-rounds N] PIDBOX
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	out := flag.String("out", "", "write results.md and results.svg to `DIR`")
	only := flag.String("run", ".", "run the operations that match `REGEXP`")
	rounds := flag.Float64("rounds", 1, "multiply every count of rounds by `N`")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err != nil || flag.NArg() != 1 {
		log.Fatalf("usage: bench [-out DIR] [-run REGEXP] [-rounds N] PIDBOX %v", err)
	}
	results, err := measure(flag.Arg(0), match, *rounds)
	if err != nil {
		log.Fatal(err)
	}
	if *out == "" {
		return
	}
	err = os.WriteFile(filepath.Join(*out, "results.svg"), chart(results), 0o644)
	if err == nil {
		err = os.WriteFile(filepath.Join(*out, "results.md"), table(results), 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// Results is what one run of the benchmarks found, with the machine that it ran on.
type Results struct {
	Machine    Machine
	Operations []Result
}

// Result is one operation: what each contender needed for it. The first contender is pidbox.
type Result struct {
	Name, Unit string
	Goal       string // in words
	Rounds     int
	Contenders []Measured
}

// Measured is one contender's distribution, in the operation's unit, and its median as a multiple of pidbox's.
type Measured struct {
	Name             string
	Low, Median, P90 float64
	Ratio            float64
}

func measure(pidbox string, match *regexp.Regexp, scale float64) (results Results, err error) {
	b, err := newBench(pidbox)
	if err != nil {
		return results, err
	}
	defer b.close()
	results.Machine = machine()
	for _, op := range operations() {
		if !match.MatchString(op.name) {
			continue
		}
		r, err := b.run(op, max(3, int(float64(op.rounds)*scale)))
		if err != nil {
			return results, fmt.Errorf("%s: %w", op.name, err)
		}
		results.Operations = append(results.Operations, r)
		print(r)
	}
	return results, nil
}

// run interleaves the contenders: each round runs all of them once, each time in another order.
func (l *bench) run(op operation, rounds int) (Result, error) {
	r := Result{Name: op.name, Unit: op.unit, Goal: op.goal, Rounds: rounds}
	var there []contender
	for _, c := range op.contenders {
		if c.needs != "" && !l.has(c.needs) {
			log.Printf("%s: no %s here", op.name, c.needs)
			continue
		}
		there = append(there, c)
	}
	for _, c := range slices.Clone(there)[1:] { // a peer may be in no mood here
		if _, err := c.run(l); err != nil {
			log.Printf("%s: left out: %s: %v", op.name, c.name, err)
			there = slices.DeleteFunc(there, func(d contender) bool { return d.name == c.name })
		}
	}
	samples := make([][]float64, len(there))
	for round := range rounds {
		for i := range there {
			k := (i + round) % len(there)
			v, err := there[k].run(l)
			if err != nil {
				return r, fmt.Errorf("%s: %w", there[k].name, err)
			}
			samples[k] = append(samples[k], v)
		}
	}
	for i, c := range there {
		s := samples[i]
		slices.Sort(s)
		at := func(q float64) float64 { return s[min(len(s)-1, int(q*float64(len(s))))] }
		m := Measured{Name: c.name, Low: at(0.1), Median: at(0.5), P90: at(0.9), Ratio: 1}
		if i > 0 && r.Contenders[0].Median != 0 {
			m.Ratio = m.Median / r.Contenders[0].Median
		}
		r.Contenders = append(r.Contenders, m)
	}
	return r, nil
}

func print(r Result) {
	fmt.Printf("%s (%s, %d rounds; goal: %s)\n", r.Name, r.Unit, r.Rounds, r.Goal)
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, m := range r.Contenders {
		fmt.Fprintf(w, "  %s\t%.2f\t%.2fx\t(%.2f to %.2f)\n", m.Name, m.Median, m.Ratio, m.Low, m.P90)
	}
	w.Flush()
	fmt.Println()
}

// table is the results as the README shows them.
func table(results Results) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Medians of n interleaved runs, in brackets from the 10th to the 90th percentile, and how many times pidbox's. %s. Beside it: %s.\n\n",
		results.Machine, strings.Join(results.Machine.Peers, ", "))
	fmt.Fprintln(&b, "| operation | n | pidbox | others |\n|---|---|---|---|")
	for _, r := range results.Operations {
		var others []string
		for _, m := range r.Contenders[1:] {
			others = append(others, fmt.Sprintf("%s %s [%s–%s] %s×", m.Name, number(m.Median), number(m.Low), number(m.P90), ratio(m.Ratio)))
		}
		ours := r.Contenders[0]
		fmt.Fprintf(&b, "| %s | %d | %s %s [%s–%s] | %s |\n", r.Name, r.Rounds, number(ours.Median), r.Unit, number(ours.Low), number(ours.P90),
			strings.Join(others, ", "))
	}
	return []byte(b.String())
}

func ratio(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

func number(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
