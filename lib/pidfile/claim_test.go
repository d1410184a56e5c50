package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pidbox/lib/proc"
	"pidbox/testscripts/lab"
)

func TestClaim(t *testing.T) {
	path := safeDir(t) + "/run/web.pid"
	one, two := sleeper(t), sleeper(t)
	r, err := Claim(context.Background(), path, one, Rules{}, 0, 0)
	must(t, err)
	if r.Holder.State != Absent {
		t.Errorf("there was %v", r.Holder.State)
	}
	r.Close()
	if got := content(t, path); got != fmt.Sprintln(one.PID()) {
		t.Errorf("the file says %q", got)
	}
	info, err := os.Stat(path)
	must(t, err)
	if entries, _ := os.ReadDir(path + "/.."); len(entries) > 1 {
		t.Errorf("left behind: %v", entries)
	}
	if got := state(t, path, Rules{}); got != Running {
		t.Errorf("it is %v", got)
	}

	must(t, claim(path, one))
	again, err := os.Stat(path)
	must(t, err)
	id := must1(one.Identity())(t)
	proves := r.Recorded && (id.Inode != 0 || id.Start != 0) // without pidfds and /proc the record tells no process from another
	if proves && !os.SameFile(info, again) {
		t.Error("claiming again wrote the file again")
	}
	var held *HeldError
	if err := claim(path, two); !errors.As(err, &held) || held.Holder.PID != one.PID() {
		t.Errorf("a second claim: %v", err)
	}
	held.Holder.Close()
	if got := content(t, path); got != fmt.Sprintln(one.PID()) {
		t.Errorf("a refused claim left %q", got)
	}
}

func TestClaimMode(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	r, err := Claim(context.Background(), path, sleeper(t), Rules{}, 0o604, 0)
	must(t, err)
	r.Close()
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o604 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestClaimForTheDead(t *testing.T) {
	dir := safeDir(t)
	p := lab.Sleeper(t)
	h := open(t, p)
	p.Kill()
	if err := claim(dir+"/new/web.pid", h); !errors.Is(err, proc.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir + "/new"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a directory was made for it")
	}
	live := lab.Sleeper(t)
	r, err := Reserve(context.Background(), dir+"/web.pid", Rules{}, 0, 0)
	must(t, err)
	defer r.Close()
	h = open(t, live)
	live.Kill()
	if err := r.Write(h); !errors.Is(err, proc.ErrNotFound) {
		t.Errorf("%v", err)
	}
	r.Close()
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestClaimOver(t *testing.T) {
	dir := safeDir(t)
	p := sleeper(t)
	for text, want := range map[string]State{
		"": Nobody, " \n": Nobody, "junk\n": Nobody, "0\n": Nobody, "2147483647\n": Stale,
	} {
		must(t, os.WriteFile(dir+"/f", []byte(text), 0o644))
		r, err := Claim(context.Background(), dir+"/f", p, Rules{}, 0, 0)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		r.Close()
		if r.Holder.State != want || content(t, dir+"/f") != fmt.Sprintln(p.PID()) {
			t.Errorf("%q was %v and became %q", text, r.Holder.State, content(t, dir+"/f"))
		}
	}
	junk := make([]byte, readLimit+1)
	must(t, os.WriteFile(dir+"/f", junk, 0o644))
	if err := claim(dir+"/f", p); !unsafe(err) || content(t, dir+"/f") != string(junk) {
		t.Errorf("%d bytes of junk: %v", len(junk), err)
	}
	must(t, os.WriteFile(dir+"/f", append([]byte("2147483647\n"), junk...), 0o644))
	if err := claim(dir+"/f", p); !unsafe(err) || hint(err) != "check the path" {
		t.Errorf("a PID and %d bytes of junk: %v", len(junk), err)
	}
	h, err := Read(dir+"/f", Rules{})
	if !unsafe(err) {
		t.Errorf("a PID and %d bytes of junk were read: %v, %v", len(junk), h, err)
	}
}

func TestClaimWaits(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	first := lab.Sleeper(t)
	must(t, claim(path, open(t, first)))
	second := sleeper(t)
	var held *HeldError
	began := time.Now()
	if _, err := Claim(context.Background(), path, second, Rules{}, 0, 50*time.Millisecond); !errors.As(err, &held) || held.Waited != 50*time.Millisecond {
		t.Fatalf("%v", err)
	}
	held.Holder.Close()
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("it waited %v", took)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Claim(ctx, path, second, Rules{}, 0, patience); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("given up: %v", err)
	}
	done := make(chan error)
	go func() {
		r, err := Claim(context.Background(), path, second, Rules{}, 0, patience)
		if err == nil {
			r.Close()
		}
		done <- err
	}()
	first.Kill()
	must(t, <-done)
}

// Somebody who asks for no lock writes between the look and the claim.
func TestWriteFindsChanges(t *testing.T) {
	dir := safeDir(t)
	p := sleeper(t)
	for name, c := range map[string]struct{ before, after string }{
		"new": {"", "12\n"}, "other": {"2147483647\n", "2147483646\n"}, "same": {"2147483647\n", "2147483647\n"}, "gone": {"2147483647\n", ""},
	} {
		path := dir + "/" + name
		if c.before != "" {
			must(t, os.WriteFile(path, []byte(c.before), 0o644))
			must(t, os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)))
		}
		r, err := Reserve(context.Background(), path, Rules{}, 0, 0)
		must(t, err)
		if c.after == "" {
			must(t, os.Remove(path))
		} else {
			must(t, os.WriteFile(path, []byte(c.after), 0o644))
		}
		if err := r.Write(p); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		if c.after != "" && content(t, path) != c.after {
			t.Errorf("%s: now %q", name, content(t, path))
		}
		r.Close()
		os.Remove(path)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// The directory is opened once: what takes its name meanwhile is not touched.
func TestExchangedDirectory(t *testing.T) {
	dir := safeDir(t)
	r, err := Reserve(context.Background(), dir+"/run/web.pid", Rules{}, 0, 0)
	must(t, err)
	defer r.Close()
	must(t, os.Rename(dir+"/run", dir+"/old"))
	must(t, os.Symlink("/etc", dir+"/run"))
	must(t, r.Write(sleeper(t)))
	if content(t, dir+"/old/web.pid") == "" {
		t.Error("nothing was written where the claim began")
	}
	must(t, r.Remove())
	r.Close()
	if entries, _ := os.ReadDir(dir + "/old"); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// What is attached is there before the file has its name, or the process its number in it.
func TestAttach(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	must(t, os.WriteFile(path, []byte("2147483647\n"), 0o644))
	p, refusal := sleeper(t), errors.New("no")
	for _, write := range []func(*Reservation) error{
		func(r *Reservation) error { return r.Write(p) },
		func(r *Reservation) error { return r.overwrite(proc.Identity{PID: p.PID()}) },
	} {
		r, err := Reserve(context.Background(), path, Rules{}, 0, 0)
		must(t, err)
		r.Attach = func(int, proc.Identity) error { return refusal }
		if err := write(r); !errors.Is(err, refusal) || content(t, path) != "2147483647\n" {
			t.Errorf("%v, it holds %q", err, content(t, path))
		}
		r.Close()
		r, err = Reserve(context.Background(), path, Rules{}, 0, 0)
		must(t, err)
		attached := false
		r.Attach = func(fd int, id proc.Identity) error {
			attached = content(t, path) == "2147483647\n" && id.PID == p.PID()
			return unix.Fstat(fd, &unix.Stat_t{})
		}
		must(t, write(r))
		if !attached || content(t, path) != string(format(p.PID())) {
			t.Errorf("attached before: %v, it holds %q", attached, content(t, path))
		}
		r.Close()
		must(t, os.WriteFile(path, []byte("2147483647\n"), 0o644))
	}
}

func TestOverwrite(t *testing.T) {
	path := safeDir(t) + "/web.pid"
	p := sleeper(t)
	must(t, os.WriteFile(path, []byte("2147483647\nfurther lines\n"), 0o644))
	before, err := os.Stat(path)
	must(t, err)
	r, err := Reserve(context.Background(), path, Rules{}, 0, 0)
	must(t, err)
	defer r.Close()
	id, err := p.Identity()
	must(t, err)
	must(t, r.overwrite(id))
	after, err := os.Stat(path)
	must(t, err)
	if !os.SameFile(before, after) || content(t, path) != fmt.Sprintln(p.PID()) || state(t, path, Rules{}) != Running {
		t.Errorf("%q, %v", content(t, path), state(t, path, Rules{}))
	}
}

func TestSweep(t *testing.T) {
	dir := safeDir(t)
	old := time.Now().Add(-2 * sweepAge)
	for name, at := range map[string]time.Time{
		"0123456789abcdef": old, "fedcba9876543210": time.Now(), "keep": old, "0123456789abcdeX": old, "0123456789abcdef0": old,
	} {
		write(t, dir+"/"+temporary+name, "")
		written(t, dir+"/"+temporary+name, at)
	}
	must(t, claim(dir+"/web.pid", sleeper(t)))
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 5 || exists(dir+"/"+temporary+"0123456789abcdef") {
		t.Errorf("there is %v", entries)
	}
}

// Of many claims at once, each for a process of its own, one succeeds, whatever was there.
func TestClaimsRace(t *testing.T) {
	dir := safeDir(t)
	const claimants = 16
	var processes [claimants]*proc.Handle
	for i := range processes {
		processes[i] = sleeper(t)
	}
	for round := range 60 {
		path := fmt.Sprintf("%s/%d", dir, round)
		if round%3 > 0 {
			must(t, os.WriteFile(path, []byte([...]string{"", "junk", "2147483647\n"}[round%3]), 0o644))
		}
		var results [claimants]error
		var all sync.WaitGroup
		for i, p := range processes {
			all.Go(func() { results[i] = claim(path, p) })
		}
		all.Wait()
		winner := -1
		for i, err := range results {
			var held *HeldError
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("round %d: %d and %d both won", round, winner, i)
			case err == nil:
				winner = i
			case errors.As(err, &held):
				held.Holder.Close()
			default:
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if winner < 0 || content(t, path) != fmt.Sprintln(processes[winner].PID()) {
			t.Fatalf("round %d: %d won, the file says %q", round, winner, content(t, path))
		}
	}
}
