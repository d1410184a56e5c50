package pidfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/testscripts/lab"
)

func TestRecords(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	for name, c := range map[string]struct {
		change func(*record)
		want   State
		why    string
	}{
		"own":               {func(*record) {}, Running, "is the one that was claimed"},
		"boot":              {func(r *record) { r.Boot = "00000000-0000-4000-8000-000000000000" }, Stale, "before the last boot"},
		"namespace":         {func(r *record) { r.Namespace++ }, Foreign, "in another PID namespace"},
		"namespace, masked": {func(r *record) { r.Namespace++; r.Boot = "00000000-0000-4000-8000-000000000000" }, Foreign, "in another PID namespace"},
		"reuse":             {func(r *record) { r.Inode++; r.Start += 5 }, Stale, "the PID is in use again"},
		"number":            {func(r *record) { r.PID++ }, Running, "has no record"},
		"changed":           {func(r *record) { r.Inode++; r.Start += 5; r.Changed++ }, Running, "has no record"},
	} {
		os.Remove(path)
		must(t, claim(path, p))
		unbind(p)
		rewriteRecord(t, path, c.change)
		h := read1(t, path, Rules{})
		if h.State != c.want || !strings.Contains(h.Why, c.why) || (h.Process != nil) != (c.want == Running) {
			t.Errorf("%s: %v, %q", name, h.State, h.Why)
		}
		if c.want != Running {
			must(t, claim(path, sleeper(t)))
		}
	}
}

// A rewrite in place keeps the attribute, which then is of another file, even where the PID is the same again.
func TestRewrittenInPlace(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	must(t, claim(path, p))
	unbind(p)
	rewriteRecord(t, path, func(r *record) { r.Inode++; r.Start += 5 }) // of the process before, which had that PID too
	if got := state(t, path, Rules{}); got != Stale {
		t.Fatalf("before: %v", got)
	}
	for text := content(t, path); ; time.Sleep(time.Millisecond) { // file systems tell times in ticks
		write(t, path, text)
		if h := read1(t, path, Rules{}); h.Recorded == nil {
			if h.State != Running || h.Proof != NoRecord {
				t.Errorf("it is %v: %s", h.State, h.Why)
			}
			break
		}
	}
}

// A record of the first edition says neither when nor where.
func TestFirstEdition(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	id, err := p.Identity()
	must(t, err)
	write(t, path, string(format(p.PID())))
	fd, err := unix.Open(path, unix.O_RDWR, 0)
	must(t, err)
	defer unix.Close(fd)
	if recorded, err := claimed.Write(fd, id.String()); err != nil || !recorded {
		t.Fatal(recorded, err)
	}
	if h := read1(t, path, Rules{}); h.State != Running || h.Recorded == nil {
		t.Errorf("it is %v: %s", h.State, h.Why)
	}
	must(t, claim(path, p)) // which makes it one of the second
	if h := read1(t, path, Rules{}); !h.record.Placed() {
		t.Errorf("after a claim: %v", h.record)
	}
}

func TestProof(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	r := must1(Claim(t.Context(), path, p, Rules{}, 0, 0))(t)
	r.Close()
	if r.Bound {
		if h := read1(t, path, Rules{}); h.Proof != Bound || h.State != Running {
			t.Errorf("bound: %v by %v", h.State, h.Proof)
		}
		write(t, path, string(format(p.PID()))) // also without a record
		must(t, os.Chtimes(path, time.Time{}, time.Unix(1, 1)))
		if h := read1(t, path, Rules{}); h.Proof != Bound || h.State != Running {
			t.Errorf("bound, without a record: %v by %v", h.State, h.Proof)
		}
		os.Remove(path)
		must(t, claim(path, p))
		unbind(p)
	}
	h := read1(t, path, Rules{})
	if want := map[bool]Proof{true: RecordedInode, false: RecordedStart}[h.Recorded.Inode != 0]; h.Proof != want {
		t.Errorf("recorded: by %v", h.Proof)
	}
	rewriteRecord(t, path, func(r *record) { r.Inode = 0 })
	if h := read1(t, path, Rules{}); h.State != Running || h.Proof != RecordedStart {
		t.Errorf("without an inode: %v by %v", h.State, h.Proof)
	}
	h = &Holder{seen: h.seen, Recorded: &proc.Identity{PID: 7, Inode: 5, Start: 3}, Proof: RecordedInode}
	if must(t, h.compared(proc.Same, proc.Identity{PID: 7, Start: 3}, nil)); h.State != Running || h.Proof != RecordedStart {
		t.Errorf("by a kernel that does not tell inodes: %v by %v", h.State, h.Proof)
	}
	rewriteRecord(t, path, func(r *record) { r.Start = 0 })
	if h := read1(t, path, Rules{}); h.State != Running || h.Proof != NoRecord {
		t.Errorf("without a start: %v by %v", h.State, h.Proof)
	}
}

func TestEnded(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	p := lab.Sleeper(t)
	must(t, claim(path, open(t, p)))
	p.Kill()
	if got := state(t, path, Rules{}); got != Stale {
		t.Errorf("a claimed process that ended is %v", got)
	}
	recording(t) // without /proc a zombie and a thread look alive
	zombie := lab.Sleeper(t)
	must(t, claim(path, open(t, zombie)))
	must(t, unix.Kill(zombie.PID, unix.SIGKILL))
	lab.AwaitEnd(t, zombie.PID)
	if got := state(t, path, Rules{}); got != Stale {
		t.Errorf("a claimed zombie is %v", got)
	}
	write(t, path, fmt.Sprintln(lab.Zombie(t).PID))
	if got := state(t, path, Rules{}); got != Stale {
		t.Errorf("a zombie is %v", got)
	}
	write(t, path, fmt.Sprintln(lab.ThreadID(t)))
	if got := state(t, path, Rules{}); got != Stale {
		t.Errorf("a thread is %v", got)
	}
}

func TestUnrecorded(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	write(t, path, fmt.Sprintln(p.PID()))
	if got := state(t, path, Rules{}); got != Running {
		t.Errorf("a live process is %v", got)
	}
	write(t, path, "1\n")
	for _, c := range []struct{ rule, want State }{{0, Doubtful}, {Doubtful, Doubtful}, {Running, Doubtful}, {Stale, Stale}} {
		if got := state(t, path, Rules{Unrecorded: c.rule}); got != c.want {
			t.Errorf("process 1 under %v is %v", c.rule, got)
		}
	}
	recording(t)
	init := must1(proc.Open(1))(t)
	defer init.Close()
	info := must1(init.Info())(t)
	if got := state(t, path, Rules{Match: proc.Conditions{Name: info.Name}}); got != Running {
		t.Errorf("process 1 under a condition that holds is %v", got)
	}
	if got := state(t, path, Rules{Match: proc.Conditions{Name: "no-such"}}); got != Stale {
		t.Errorf("process 1 under a condition that does not hold is %v", got)
	}
	write(t, path, fmt.Sprintln(p.PID()))
	if got := state(t, path, Rules{Match: proc.Conditions{Name: "no-such"}}); got != Stale {
		t.Errorf("a process that is not the one is %v", got)
	}
	written(t, path, time.Date(2001, 1, 1, 12, 0, 0, 0, time.Local))
	for _, c := range []struct{ rule, want State }{{0, Doubtful}, {Running, Running}, {Stale, Stale}} {
		h := read1(t, path, Rules{Unrecorded: c.rule})
		if h.State != c.want || !strings.Contains(h.Why, "2001-01-01 12:00:00") {
			t.Errorf("a younger process under %v is %v: %s", c.rule, h.State, h.Why)
		}
		p, err := h.Live()
		var doubt *DoubtError
		if (p != nil) != (c.want == Running) || errors.As(err, &doubt) != (c.want == Doubtful) {
			t.Errorf("live under %v: %v, %v", c.rule, p, err)
		}
	}
	var doubt *DoubtError
	if err := claim(path, sleeper(t)); !errors.As(err, &doubt) {
		t.Errorf("a claim over a doubtful file: %v", err)
	}
	doubt.Holder.Close()
	must(t, claim(path, p)) // its own PID is no other process's
}

// What the time of a file without a record proves, against the start of its process.
func TestTimes(t *testing.T) {
	recording(t)
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	write(t, path, fmt.Sprintln(p.PID()))
	started := must1(p.Info())(t).Started
	second := started.Truncate(time.Second)
	even := second.Add(-time.Duration(second.Unix()%2) * time.Second)
	odd := even.Add(time.Second)
	if odd.After(started) {
		odd = odd.Add(-2 * time.Second)
	}
	for name, c := range map[string]struct {
		at   time.Time
		want State
	}{
		"50 ms before":                {started.Add(-50*time.Millisecond + time.Nanosecond), Running},
		"1.05 s before":               {started.Add(-1050*time.Millisecond + time.Nanosecond), Doubtful},
		"150 ms before":               {started.Add(-150*time.Millisecond + time.Nanosecond), Doubtful},
		"the same second":             {second, Running},
		"the second before that, odd": {odd.Add(-2 * time.Second), Doubtful},
		"the same pair of seconds":    {even, Running},
		"the pair before":             {even.Add(-4 * time.Second), Doubtful},
		"after":                       {started.Add(time.Millisecond), Running},
		"the future":                  {time.Now().Add(time.Hour + time.Nanosecond), Doubtful},
		"before boot":                 {proc.BootTime().Add(-time.Hour), Doubtful},
	} {
		if name == "the same second" && second.Unix()%2 == 0 {
			continue // that of the pair
		}
		written(t, path, c.at)
		if h := read1(t, path, Rules{}); h.State != c.want {
			t.Errorf("%s (%v, process %v): %v: %s", name, c.at, started, h.State, h.Why)
		}
	}
}

func TestSlack(t *testing.T) {
	for at, want := range map[time.Time]time.Duration{
		time.Unix(1000, 1): 100 * time.Millisecond, time.Unix(1001, 0): 1100 * time.Millisecond, time.Unix(1000, 0): 2100 * time.Millisecond,
	} {
		if got := slackOf(at); got != want {
			t.Errorf("%v: %v", at, got)
		}
	}
}

func TestGarbage(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	write(t, path, "12abc\n")
	var garbage *GarbageError
	if h, err := Read(path, Rules{}); !errors.As(err, &garbage) || err.Error() != path+`: "12abc" is not a PID` {
		t.Errorf("%v, %v", h, err)
	}
}

// Where the kernel tells nothing to compare with the record by, whether it is the one cannot be told.
func TestNothingToCompare(t *testing.T) {
	for _, recorded := range []proc.Identity{{PID: 7, Inode: 5}, {PID: 7, Start: 3}} {
		h := &Holder{PID: 7, Recorded: &recorded}
		must(t, h.compared(proc.Unknown, proc.Identity{PID: 7}, nil))
		if h.State != Doubtful || h.Why != "without pidfds and /proc, nothing identifies process 7" {
			t.Errorf("it is %v: %s", h.State, h.Why)
		}
	}
}

// A process that ends while it is compared with the record is not the one any more, whatever is known of it.
func TestEndedWhileCompared(t *testing.T) {
	p := sleeper(t)
	id := must1(p.Identity())(t)
	for _, verdict := range []proc.Verdict{proc.Same, proc.Different, proc.Unknown} {
		h := &Holder{PID: p.PID(), Recorded: &id}
		must(t, h.compared(verdict, proc.Identity{}, proc.ErrNotFound))
		if h.State != Stale {
			t.Errorf("%v: it is %v", verdict, h.State)
		}
	}
	h := &Holder{PID: p.PID(), Recorded: &id}
	if err := h.compared(proc.Same, id, os.ErrPermission); !errors.Is(err, os.ErrPermission) {
		t.Errorf("another error: %v", err)
	}
}
