package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pidbox/lib/fault/history"
	"pidbox/lib/fault/plan"
)

// unsure is a case of which it cannot be told whether it is fine.
type unsure struct{ reason string }

func (u unsure) Error() string { return u.reason }

// judgeHistories holds what loads have printed against the plan's model. A violation is drawn into the directory.
func (c *Cluster) judgeHistories(check *plan.Check, loads []*load, dir string) error {
	if check == nil || check.Model == "" || len(loads) == 0 {
		return nil
	}
	var all []*history.History
	for _, l := range loads {
		f, err := os.Open(l.path)
		if err != nil {
			return unsure{err.Error()}
		}
		h, err := history.Read(f, int64(check.Memory))
		f.Close()
		if err != nil {
			return unsure{fmt.Sprintf("the history of %s: %v", l.name, err)}
		}
		all = append(all, h)
	}
	all, err := joined(all, loads)
	if err != nil {
		return err
	}
	limits := history.Limits{Time: time.Duration(check.Within), Memory: int64(check.Memory)}
	var open error
	for i, h := range all {
		v := history.Judge(h, check.Model, limits)
		switch v.Answer {
		case history.Violated:
			reason := fmt.Sprintf("%s: not a history of %s: %s", loads[i].name, check.Model, v.Reason)
			if name := filepath.Join(dir, "violation.html"); c.draw(v, name) {
				return &violation{reason, name}
			}
			return errors.New(reason)
		case history.CannotTell:
			open = unsure{fmt.Sprintf("%s: cannot tell whether this is a history of %s: %s", loads[i].name, check.Model, v.Reason)}
		}
	}
	return open
}

// violation is a history that the model does not have, and porcupine's picture of it.
type violation struct{ reason, picture string }

func (v *violation) Error() string { return v.reason }

func (c *Cluster) draw(v history.Verdict, name string) bool {
	f, err := os.Create(name)
	if err != nil {
		return false
	}
	defer f.Close()
	drawn, err := v.Picture(f)
	if !drawn || err != nil {
		_ = os.Remove(name)
	}
	return drawn && err == nil
}

// joined makes one history of several that their times put into one order. Those without can only be judged apart, and only
// where no key is in two of them.
func joined(all []*history.History, loads []*load) ([]*history.History, error) {
	timed, whose := 0, map[string]int{}
	one := &history.History{Timed: true}
	for i, h := range all {
		if h.Timed {
			timed++
		}
		one.Ops = append(one.Ops, h.Ops...)
		for j := range h.Ops {
			other, known := whose[h.Ops[j].Key]
			if known && other != i && timed != i+1 {
				return nil, unsure{fmt.Sprintf("key %q is in the histories of %s and %s, which have no time of their own",
					h.Ops[j].Key, loads[other].name, loads[i].name)}
			}
			whose[h.Ops[j].Key] = i
		}
	}
	if timed == len(all) && len(all) > 1 {
		return []*history.History{one}, nil
	}
	return all, nil
}
