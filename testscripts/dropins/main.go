//go:build linux

// Command dropins takes the calls of start-stop-daemon out of Debian's init scripts, and makes each in the states that a
// service can be in by four programs: dpkg's and BusyBox's, and pidbox in the dialect of either. The program that is started
// and stopped is a stub. Status and effect have to be the same; what is not is counted by its reason, and without one an error.
//
// usage: dropins [-out FILE] [-u] [-scripts DIR] [-tree DIR] [-run REGEXP] PIDBOX
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pidbox/testscripts/lab"
)

func main() {
	if filepath.Base(os.Args[0]) != "dropins" && os.Getenv("PIDBOX_LAB") == "" {
		stub()
		return
	}
	inside := lab.Enter()
	log.SetFlags(0)
	log.SetPrefix("dropins: ")
	out := flag.String("out", "", "compare with the page in `FILE`")
	update := flag.Bool("u", false, "write the page anew")
	scripts := flag.String("scripts", "/var/tmp/pidbox-init-scripts", "where the scripts are, or are put")
	tree := flag.String("tree", "/var/tmp/pidbox-services", "a Debian: see packaging/test-services")
	only := flag.String("run", ".", "only the calls that match `REGEXP`")
	from := flag.String("record", "", "internal: record the calls of this package")
	one := flag.String("cell", "", "internal: try this call")
	flag.Parse()
	match, err := regexp.Compile(*only)
	if err != nil || flag.NArg() != 1 {
		log.Fatalf("usage: dropins [-out FILE] [-u] [-scripts DIR] [-tree DIR] [-run REGEXP] PIDBOX %v", err)
	}
	pidbox, err := filepath.Abs(flag.Arg(0))
	switch {
	case err != nil:
	case inside && *from != "":
		err = record(*tree, filepath.Join(*scripts, *from), *from)
	case inside:
		var c call
		var index int
		head, text, _ := strings.Cut(*one, " ")
		if index, err = strconv.Atoi(head); err == nil {
			if err = json.Unmarshal([]byte(text), &c); err == nil {
				err = cell(index, c, *tree, pidbox)
			}
		}
	default:
		err = run(*scripts, *tree, pidbox, match, *out, *update)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(scripts, tree, pidbox string, match *regexp.Regexp, out string, update bool) error {
	if err := unpack(scripts); err != nil {
		return err
	}
	calls, err := recorded(scripts, tree, pidbox)
	if err != nil {
		return err
	}
	calls = slices.DeleteFunc(calls, func(c call) bool { return !match.MatchString(strings.Join(c.Args, " ")) })
	fmt.Printf("%d calls of %d scripts\n", len(calls), count(calls, func(c call) string { return c.Package + "/" + c.Script }))
	outcomes := make([][]outcome, len(calls))
	err = each(len(calls), func(i int) error {
		line, err := json.Marshal(calls[i])
		if err != nil {
			return err
		}
		text, err := isolated("-tree", tree, "-cell", fmt.Sprintf("%d %s", i, line), pidbox)
		if err != nil {
			return fmt.Errorf("%s: %q: %w", calls[i].Script, calls[i].Args, err)
		}
		for line := range strings.Lines(text) {
			var o outcome
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
			outcomes[i] = append(outcomes[i], o)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return judge(calls, outcomes, out, update)
}

// recorded are the calls of all packages, each once.
func recorded(scripts, tree, pidbox string) ([]call, error) {
	dirs, err := filepath.Glob(filepath.Join(scripts, "*", "etc", "init.d"))
	if err != nil {
		return nil, err
	}
	all := make([][]call, len(dirs))
	err = each(len(dirs), func(i int) error {
		name := filepath.Base(filepath.Dir(filepath.Dir(dirs[i])))
		text, err := isolated("-scripts", scripts, "-tree", tree, "-record", name, pidbox)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return json.Unmarshal([]byte(text), &all[i])
	})
	var calls []call
	seen := map[string]bool{}
	for _, list := range all {
		for _, c := range list {
			if key := strings.Join(c.Args, "\x00"); !seen[key] && c.meaning().action != "" {
				seen[key] = true
				calls = append(calls, c)
			}
		}
	}
	return calls, err
}

// each runs a task for each number below n, several at a time, and is the first error.
func each(n int, task func(int) error) (err error) {
	var all sync.WaitGroup
	var lock sync.Mutex
	next := make(chan int)
	for range 2 * runtime.NumCPU() {
		all.Go(func() {
			for i := range next {
				if e := task(i); e != nil {
					lock.Lock()
					if err == nil {
						err = e
					}
					lock.Unlock()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return err
}

func isolated(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return lab.Isolated(ctx, false, args...)
}

func count(calls []call, of func(call) string) int {
	seen := map[string]bool{}
	for _, c := range calls {
		seen[of(c)] = true
	}
	return len(seen)
}
