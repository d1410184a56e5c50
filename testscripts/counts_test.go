//go:build linux

package testscripts

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pidbox/testscripts/lab"
)

// What the commonest call of each applet costs, in counts, which unlike times are those of any day. Each is the fewest of several
// runs. The bounds are a twentieth above what was measured on amd64: whoever has to raise one writes down why. What a call starts
// is counted with it; of an applet that starts daemons that is a program of one page.
func TestCounts(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("measured on amd64")
	}
	strace, err := lab.LookPath("strace")
	if err != nil {
		missing(t, "strace")
	}
	dirs := map[string]string{}
	for _, c := range []struct {
		build, name                   string
		faults, calls, threads, inits int // as measured
	}{
		{"full", "pid-alive", 410, 230, 4, 98},
		{"full", "pid-claim", 420, 268, 4, 98},
		{"full", "pid-kill", 416, 275, 4, 98},
		{"core", "pid-alive", 268, 230, 4, 24},
		{"core", "pid-alive of 100", 480, 1895, 4, 24}, // files of one directory
		{"core", "pid-claim", 287, 268, 4, 24},
		{"core", "pid-kill", 272, 275, 4, 24},
		{"core", "daemonize", 352, 458, 16, 24},
		{"core", "keep-alive", 722, 812, 17, 48}, // threads that a stop may need; it executes itself once more, see decision 0037
		{"core", "pid-bound", 872, 1300, 20, 48}, // two of them, and the command
		{"core", "sipid", 280, 303, 5, 24},
		{"core", "start-stop-daemon", 265, 233, 5, 24},
		{"core", "chpst", 309, 250, 5, 24},
	} {
		if dirs[c.build] == "" {
			dirs[c.build] = buildOf(t, c.build)
		}
		t.Run(c.build+"/"+c.name, func(t *testing.T) {
			costs(t, strace, dirs[c.build], c.name, cost{c.faults, c.calls, c.threads, c.inits})
		})
	}
}

// buildOf is a directory with a build of some applets, and its links.
func buildOf(t *testing.T, applets string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	sh(t, "..", "make", "-s", "BINARY="+filepath.Join(dir, "pidbox"), "APPLETS="+applets, "build")
	sh(t, dir, "./pidbox", "--install", dir)
	return dir
}

// cost is what is counted of a call: page faults, system calls, threads, and initialisers of packages.
type cost [4]int

// costs holds the applet's commonest call to what it took when it was measured.
func costs(t *testing.T, strace, dir, name string, most cost) {
	const runs, tracedRuns = 40, 10
	sleep := start(t)
	claimed, own := filepath.Join(dir, "claimed.pid"), filepath.Join(dir, "own.pid")
	claim := func(file string) []string {
		return []string{filepath.Join(dir, "pid-claim"), "-q", "--pid", strconv.Itoa(sleep.pid), "-p", file}
	}
	before := map[string]func(){
		"pid-claim": func() { os.Remove(own) },
		"pid-kill": func() {
			os.Remove(own)
			target := start(t)
			argv := claim(own)
			argv[3] = strconv.Itoa(target.pid)
			sh(t, dir, argv...)
		},
	}
	sh(t, dir, claim(claimed)...)
	hundred := []string{filepath.Join(dir, "pid-alive"), "-q"}
	if name == "pid-alive of 100" {
		for i := range 100 {
			hundred = append(hundred, filepath.Join(dir, strconv.Itoa(i)+".pid"))
			sh(t, dir, claim(hundred[i+2])...)
		}
	}
	argv := map[string][]string{
		"pid-alive of 100": hundred,
		"pid-alive":        {filepath.Join(dir, "pid-alive"), "-q", "-p", claimed},
		"pid-claim":        claim(own),
		"pid-kill":         {filepath.Join(dir, "pid-kill"), "-q", "-p", own},

		"chpst":             {filepath.Join(dir, "pidbox"), "chpst", "-o", "64", "true"},
		"daemonize":         {filepath.Join(dir, "daemonize"), "-q", "--min-uptime", "0", "true"},
		"keep-alive":        {filepath.Join(dir, "keep-alive"), "--max-restarts", "0", "true"},
		"pid-bound":         {filepath.Join(dir, "pid-bound"), "--scope", "tree", "true"},
		"sipid":             {filepath.Join(dir, "sipid"), "claim", "--pid", strconv.Itoa(sleep.pid), "--pid-file", claimed},
		"start-stop-daemon": {filepath.Join(dir, "pidbox"), "start-stop-daemon", "--status", "--pidfile", claimed},
	}[name]
	var faulted, called, threads []int
	var took []time.Duration
	for i := range runs {
		for _, prefix := range [][]string{nil, {strace, "-f", "-qq", "-e", "signal=none", "-o", filepath.Join(dir, "trace")}} {
			if prefix != nil && i >= tracedRuns {
				continue
			}
			if before[name] != nil {
				before[name]()
			}
			argv := append(slices.Clone(prefix), argv...)
			cmd := exec.Command(argv[0], argv[1:]...)
			began := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%q: %v\n%s", argv, err, out)
			}
			if prefix == nil {
				took = append(took, time.Since(began))
				faulted = append(faulted, int(cmd.ProcessState.SysUsage().(*syscall.Rusage).Minflt))
				continue
			}
			n, ran, err := traced(filepath.Join(dir, "trace"))
			if err != nil {
				t.Fatal(err)
			}
			called, threads = append(called, n), append(threads, ran)
		}
	}
	slices.Sort(took)
	got := cost{slices.Min(faulted), slices.Min(called), slices.Min(threads), initialisers(argv)}
	names := [...]string{"page faults", "system calls", "threads", "initialisers"}
	t.Logf("%v of %v, in %v", got, names, took[len(took)/2].Round(10*time.Microsecond))
	for i, n := range got {
		slack := 1.05
		if names[i] == "threads" { // on a busy machine the scheduler has one more begin before another has got to sleep
			slack = 1.5
		}
		if float64(n) > float64(most[i])*slack {
			t.Errorf("%d %s, and were %d", n, names[i], most[i])
		}
	}
}

// initialisers counts the packages that initialise themselves at the start of a call, whatever comes of that.
func initialisers(argv []string) int {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, _ := cmd.CombinedOutput()
	return strings.Count("\n"+string(out), "\ninit ")
}

// traced counts the threads that ran and the calls in what strace wrote, less those by which the Go runtime keeps its threads busy or idle: their
// number is the scheduler's.
func traced(file string) (n, threads int, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	call := regexp.MustCompile(`^\d+ +(\w+)\(`)
	idle := regexp.MustCompile(`^(futex|nanosleep|sched_yield|epoll_pwait|tgkill|getpid|rt_sigreturn|restart_syscall|madvise)$`)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	ran := map[string]bool{}
	for lines.Scan() {
		thread, _, _ := strings.Cut(lines.Text(), " ")
		ran[thread] = true
		if m := call.FindStringSubmatch(lines.Text()); m != nil && !idle.MatchString(m[1]) {
			n++
		}
	}
	return n, len(ran), lines.Err()
}
