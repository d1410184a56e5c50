package run

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"pidbox/lib/fault"
	"pidbox/lib/fault/report"
)

// evidence is a directory with all that a run has seen: the plan, a directory for each case with the histories and the
// outputs of its commands, whole, and what the agents said, and the report. It is removed only if nothing went wrong and
// nobody asked for it.
type evidence struct {
	dir  string
	keep bool
}

func (c *Cluster) gather() (*evidence, error) {
	e := &evidence{dir: c.options.Evidence, keep: c.options.Evidence != ""}
	var err error
	if e.keep {
		if err = os.MkdirAll(e.dir, 0o755); err == nil {
			var there []os.DirEntry
			if there, err = os.ReadDir(e.dir); err == nil && len(there) > 0 {
				err = fmt.Errorf("%s is not empty", e.dir)
			}
		}
	} else {
		e.dir, err = os.MkdirTemp("", "fault-tester-")
	}
	if err == nil {
		e.dir, err = filepath.Abs(e.dir)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(e.dir, "plan.yaml"), c.plan.Source, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return e, nil
}

// finish writes the report, and removes what nobody needs.
func (e *evidence) finish(r *report.Run, clean bool) error {
	if clean && !e.keep {
		return os.RemoveAll(e.dir)
	}
	r.Evidence = e.dir
	f, err := os.Create(filepath.Join(e.dir, "report.jsonl"))
	for i := 0; err == nil && i < len(r.Cases); i++ {
		err = report.JSON(f, r.Cases[i])
	}
	if err == nil {
		err = report.JSON(f, r.Summary())
	}
	if f != nil && err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	return nil
}

// forCase is the directory of a case.
func (e *evidence) forCase(round, number int, name string) (string, error) {
	plain := regexp.MustCompile(`[^A-Za-z0-9._-]`).ReplaceAllString(name, "_")
	dir := filepath.Join(e.dir, fmt.Sprintf("%d-%02d-%s", round, number, plain[:min(len(plain), 80)]))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	return dir, nil
}

// note keeps what the agents said, with the counters of their faults.
func (t *trial) note(name string, statuses map[string]fault.Status) {
	b, err := json.MarshalIndent(statuses, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(t.scratch, name+".json"), b, 0o644)
	}
	if err != nil {
		t.options.Step(fmt.Sprintf("%s: evidence: %v", t.Name, err))
	}
}

// log is where a command's output goes, for the evidence.
func (t *trial) log(name string) (sinks, func()) {
	f, err := os.OpenFile(filepath.Join(t.scratch, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return sinks{}, func() {}
	}
	return sinks{f, f}, func() { f.Close() }
}
