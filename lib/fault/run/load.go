package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/fault/history"
	"pidbox/lib/fault/plan"
	"pidbox/lib/fault/report"
)

// load is traffic on the cluster: a command, or the client that a kv describes.
type load struct {
	name  string
	path  string // of its history
	tally *tally
	job   *job
	kv    *kv
	files []*os.File
}

// startLoad starts a load whose output goes to a directory.
func startLoad(one plan.Client, name, dir string, env []string, space string) (*load, error) {
	l := &load{name: name, path: filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".out"), tally: &tally{open: map[int64]mark{}}}
	out, err := os.Create(l.path)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	errs, err := os.Create(strings.TrimSuffix(l.path, ".out") + ".err")
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("evidence: %w", err)
	}
	l.files, l.tally.file = []*os.File{out, errs}, out
	if one.KV != nil {
		l.kv = startKV(one.KV, l.tally, errs, env, space)
		return l, nil
	}
	if l.job, err = beginKept(one.Exec, env, sinks{l.tally, errs}); err != nil {
		l.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

func (l *load) close() {
	for _, f := range l.files {
		f.Close()
	}
}

// over says that it has ended by itself.
func (l *load) over() bool {
	if l.job == nil {
		return false
	}
	select {
	case <-l.job.done:
		return true
	default:
		return false
	}
}

// stop ends it. One that had ended by itself must have ended well, and one that was told to end must not say otherwise.
func (l *load) stop() error {
	defer l.close()
	early := l.over()
	if l.kv != nil {
		l.kv.stop()
	} else {
		l.job.end()
	}
	l.tally.mu.Lock()
	defer l.tally.mu.Unlock()
	switch {
	case l.job != nil && (early && l.job.failure() != nil || !early && !l.job.harmless()):
		return fmt.Errorf("%s failed: %w", l.name, l.job.failure())
	case l.tally.err != nil:
		return unsure{fmt.Sprintf("%s: %v", l.name, l.tally.err)}
	}
	return nil
}

// tallies are those of the case's loads, and of those that run across cases.
func (t *trial) tallies() []*tally {
	var all []*tally
	for _, l := range append(t.across[:len(t.across):len(t.across)], t.loads...) {
		all = append(all, l.tally)
	}
	if t.Load != nil && len(t.Load.List) == 0 { // this case is to be without traffic, as far as it can be
		return nil
	}
	return all
}

func (t *trial) startLoads() error {
	for i, one := range t.plan.LoadsOf(t.Case) {
		space := t.run + "-" + strconv.Itoa(t.result.Round) + "-" + strconv.Itoa(t.number)
		l, err := startLoad(one, "load "+strconv.Itoa(i+1), t.scratch, t.env(), fmt.Sprintf("%s-%d", space, i+1))
		if err != nil {
			return err
		}
		t.loads = append(t.loads, l)
	}
	return nil
}

// stopLoads ends the loads of the case.
func (t *trial) stopLoads() (err error) {
	for _, l := range t.loads {
		if e := l.stop(); err == nil {
			err = e
		}
	}
	t.stopped = append(t.stopped, t.loads...)
	t.loads = nil
	return err
}

// flow lets the loads run for some time, and on until each has done what is asked of it.
func (t *trial) flow(ctx context.Context, from time.Time, long time.Duration, when string) error {
	all := t.loads
	if len(t.tallies()) == 0 {
		return nil
	}
	least := *t.traffic.MinOK
	if long == 0 {
		least = 0
	}
	sleep(ctx, time.Until(from.Add(long)))
	limit := max(long, t.plan.RecoverOf(t.Case))
	busy := func() (ours bool) {
		limit, ours = t.turn.late(ctx, 0, limit)
		return ours
	}
	for _, l := range append(all[:len(all):len(all)], t.across...) {
		for {
			ok, over := phase("", []*tally{l.tally}, from, time.Now()).OK, l.over()
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case l.tally.failure() != nil:
				return unsure{fmt.Sprintf("%s: %v", l.name, l.tally.failure())}
			case ok >= least:
			case over && l.job.failure() != nil:
				return fmt.Errorf("%s failed: %w", l.name, l.job.failure())
			case !over && time.Since(from) < limit:
				sleep(ctx, 20*time.Millisecond)
				continue
			case !over && busy():
				continue
			default:
				return fmt.Errorf("%s reported %d successful operations %s, fewer than min_ok %d", l.name, ok, when, least)
			}
			break
		}
	}
	return nil
}

// count writes what the loads did in each phase into the report.
func (t *trial) count() {
	r := &t.result
	all := t.tallies()
	for _, l := range t.stopped {
		all = append(all, l.tally)
	}
	if len(all) == 0 || t.flowing.IsZero() {
		return
	}
	now := time.Now()
	r.Phases, r.Flow = nil, nil
	for _, p := range []struct {
		name     string
		from, to time.Time
	}{{"warmup", t.flowing, r.Injected}, {"fault", r.Injected, r.Healed}, {"recovery", r.Healed, t.recoveredAt}, {"cooldown", t.recoveredAt, now}} {
		if p.from.IsZero() {
			break
		}
		if p.to.IsZero() {
			p.to = now
		}
		r.Phases = append(r.Phases, phase(p.name, all, p.from, p.to))
	}
	for at := t.flowing; at.Before(now); at = at.Add(report.Bucket) {
		p := phase("", all, at, at.Add(report.Bucket))
		r.Flow = append(r.Flow, report.Point{At: at, OK: p.OK, Failed: p.Failed + p.Unknown})
	}
}

// spoiled says whether more failed than may.
func (t *trial) spoiled() error {
	if t.traffic.MaxFailed == nil {
		return nil
	}
	n := 0
	for _, p := range t.result.Phases {
		n += p.Failed + p.Unknown
	}
	if n > *t.traffic.MaxFailed {
		return fmt.Errorf("failed operations: %d, more than max_failed %d", n, *t.traffic.MaxFailed)
	}
	return nil
}

// few turns of this machine are what an operation of a load may need.
const few = 10

// served checks what the loads met while the fault held, from the time that the plan allows for it on.
func (t *trial) served() error {
	var marks []mark
	var pending int
	limit := t.plan.LimitOf(t.Case)
	from := t.struck.Add(limit)
	for _, one := range t.tallies() {
		marks = append(marks, one.between(t.struck, t.result.Healed)...)
		for _, m := range one.pending() {
			if m.from.After(from) && !m.reads {
				pending++
			}
		}
	}
	first, tried := time.Duration(0), pending
	for _, m := range marks {
		if m.kind == history.OK && m.from.After(t.struck) && (first == 0 || m.to.Sub(t.struck) < first) {
			first = m.to.Sub(t.struck)
		}
	}
	t.result.FirstOK = first
	switch t.During {
	case plan.Available:
		last, longest := t.struck, time.Duration(0)
		for _, m := range append(sorted(marks), mark{to: t.result.Healed, kind: history.OK, from: t.result.Healed}) {
			if m.kind != history.OK || !m.from.After(t.struck) {
				continue
			}
			if gap := m.to.Sub(last); gap > limit {
				longest = max(longest, gap)
			}
			last = m.to
		}
		switch text := "not available while the fault held: no operation succeeded"; {
		case first == 0 && longest == 0:
			return errors.New(text)
		case longest == 0:
		case longest < few*t.slowest:
			return unsure{fmt.Sprintf("%s for %.1fs, the limit is %v; but this machine was too busy for the loads", text, longest.Seconds(), limit)}
		default:
			return fmt.Errorf("%s for %.1fs, the limit is %v", text, longest.Seconds(), limit)
		}
	case plan.Unavailable:
		n := 0
		for _, m := range marks {
			if m.reads || m.from.Before(from.Add(t.slowest)) { // what a load says is read that much later
				continue
			}
			if tried++; m.kind == history.OK {
				n++
			}
		}
		switch {
		case n > 0:
			return fmt.Errorf("available while the fault held: operations that began more than %[2]v after it and succeeded: %[1]d", n, limit)
		case tried == 0 && few*t.slowest > t.result.Healed.Sub(from):
			return unsure{"nothing was tried while the fault held: this machine was too busy for the loads"}
		case tried == 0:
			return fmt.Errorf("nothing was tried while the fault held, so it is not known whether it was available")
		}
	}
	return nil
}

func sorted(marks []mark) []mark {
	return slices.SortedFunc(slices.Values(marks), func(a, b mark) int { return a.to.Compare(b.to) })
}
