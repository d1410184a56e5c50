//go:build linux

// Command bench measures pidbox beside its peers on the same work, in interleaved runs, so that what else the machine does
// falls on all alike. It prints medians and ratios and writes results.md and results.svg beside its sources.
//
// usage: bench [-out DIR] [-run REGEXP] [-rounds N] [-limit D] PIDBOX
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
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	out := flag.String("out", "", "write results.md and results.svg to `DIR`")
	only := flag.String("run", ".", "run the operations that match `REGEXP`")
	rounds := flag.Float64("rounds", 1, "multiply every count of rounds by `N`")
	limit := flag.Duration("limit", 4*time.Minute, "begin no more rounds after `D`, which the operations share")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err != nil || flag.NArg() != 1 {
		log.Fatalf("usage: bench [-out DIR] [-run REGEXP] [-rounds N] [-limit D] PIDBOX %v", err)
	}
	results, err := measure(flag.Arg(0), match, *rounds, *limit)
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
	Faults     []int // page faults of each, the fewest, which repeat; 0 where they were not counted
}

// Measured is one contender's distribution, in the operation's unit, and its median as a multiple of pidbox's.
type Measured struct {
	Name             string
	Low, Median, P90 float64
	Ratio            float64
}

func measure(pidbox string, match *regexp.Regexp, scale float64, limit time.Duration) (results Results, err error) {
	b, err := newBench(pidbox)
	if err != nil {
		return results, err
	}
	defer b.close()
	results.Machine = machine()
	chosen := slices.DeleteFunc(operations(), func(op operation) bool { return !match.MatchString(op.name) })
	end := time.Now().Add(limit)
	for i, op := range chosen {
		share := time.Until(end) / time.Duration(len(chosen)-i)
		r, err := b.run(op, max(fewest, int(float64(op.rounds)*scale)), time.Now().Add(share))
		if err != nil {
			return results, fmt.Errorf("%s: %w", op.name, err)
		}
		results.Operations = append(results.Operations, r)
		print(r)
	}
	return results, nil
}

// fewest is how many rounds there are, however long they take.
const fewest = 3

// run interleaves the contenders: each round runs all of them once, each time in another order. There are fewer rounds than
// asked for where they would go on beyond the end.
func (l *bench) run(op operation, rounds int, end time.Time) (Result, error) {
	r := Result{Name: op.name, Unit: op.unit, Goal: op.goal}
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
	samples, faults := make([][]float64, len(there)), make([][]int, len(there))
	for ; r.Rounds < rounds && (r.Rounds < fewest || time.Now().Before(end)); r.Rounds++ {
		for i := range there {
			k := (i + r.Rounds) % len(there)
			before := faulted()
			v, err := there[k].run(l)
			if err != nil {
				return r, fmt.Errorf("%s: %w", there[k].name, err)
			}
			samples[k], faults[k] = append(samples[k], v), append(faults[k], faulted()-before)
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
		r.Contenders, r.Faults = append(r.Contenders, m), append(r.Faults, 0)
		if op.single() {
			r.Faults[i] = slices.Min(faults[i])
		}
	}
	return r, nil
}

func print(r Result) {
	fmt.Printf("%s (%s, %d rounds; goal: %s)\n", r.Name, r.Unit, r.Rounds, r.Goal)
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for i, m := range r.Contenders {
		fmt.Fprintf(w, "  %s\t%.2f\t%.2fx\t(%.2f to %.2f)\t%s\n", m.Name, m.Median, m.Ratio, m.Low, m.P90, r.faults(i))
	}
	w.Flush()
	fmt.Println()
}

// faults are those of a contender, "" where they were not counted.
func (r Result) faults(i int) string {
	if i >= len(r.Faults) || r.Faults[i] == 0 {
		return ""
	}
	return fmt.Sprintf(" %d pf", r.Faults[i])
}

// table is the results as the README shows them.
func table(results Results) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Medians of n interleaved runs, in brackets from the 10th to the 90th percentile, and how many times pidbox's; pf are page faults, the fewest. %s. Beside it: %s.\n\n",
		results.Machine, strings.Join(results.Machine.Peers, ", "))
	fmt.Fprintln(&b, "| operation | n | pidbox | others |\n|---|---|---|---|")
	for _, r := range results.Operations {
		var others []string
		for i, m := range r.Contenders[1:] {
			others = append(others, fmt.Sprintf("%s %s [%s–%s] %s×%s", m.Name, number(m.Median), number(m.Low), number(m.P90), ratio(m.Ratio), r.faults(i+1)))
		}
		ours := r.Contenders[0]
		fmt.Fprintf(&b, "| %s | %d | %s %s [%s–%s]%s | %s |\n", r.Name, r.Rounds, number(ours.Median), r.Unit, number(ours.Low), number(ours.P90),
			r.faults(0), strings.Join(others, ", "))
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
