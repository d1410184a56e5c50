//go:build !pidbox_some || applet_fault_tester

package applets

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/fault/history"
	"pidbox/lib/fault/report"
)

// judge says whether a history is one that the model allows. "Cannot tell" is an answer of its own.
func (o *faultTesterOptions) judge(c *applet.Call) error {
	switch {
	case len(c.Args) != 1:
		return applet.Usage("judge takes one HISTORY")
	case o.model == "":
		return applet.Usage("no model given (--model M)")
	case o.limit == 0:
		o.limit = time.Minute
	}
	in := c.Stdin
	if c.Args[0] != "-" {
		f, err := os.Open(c.Args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	page, err := create(o.html)
	if err != nil {
		return err
	}
	defer page.Close()
	h, v, err := decide(in, o.model, history.Limits{Time: o.limit, Memory: int64(o.memory)})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Args[0], err)
	}
	if page != nil {
		drawn, err := v.Picture(page)
		if !drawn {
			err = errors.Join(err, os.Remove(o.html))
		}
		if err != nil {
			return fmt.Errorf("write the picture: %w", err)
		}
	}
	words := map[history.Answer]string{history.Holds: "holds", history.Violated: "violated", history.CannotTell: "unknown"}
	if o.json {
		err = report.JSON(c.Stdout, judged{o.model, words[v.Answer], v.Reason, v.Key, len(h.Ops), h.Count(history.OK), h.Count(history.Fail), h.Count(history.Info), v.Keys, h.Cut})
		if err != nil {
			return err
		}
	}
	if h.Cut {
		c.Tell("%s: the last line is incomplete and was left out", c.Args[0])
	}
	switch v.Answer {
	case history.Violated:
		return applet.Fail(applet.No, "%s: not a history of %s: %s", c.Args[0], o.model, v.Reason)
	case history.CannotTell:
		return applet.Fail(applet.Unsafe, "%s: cannot tell: %s", c.Args[0], v.Reason)
	}
	c.Tell("%s: a history of %s: %s of %s", c.Args[0], o.model, applet.Count(v.Ops, "operation"), applet.Count(v.Keys, "key"))
	return nil
}

// judged is the verdict, for --json.
type judged struct {
	Model      string `json:"model"`
	Answer     string `json:"answer"`
	Reason     string `json:"reason,omitempty"`
	Key        string `json:"key,omitempty"`
	Operations int    `json:"operations"`
	OK         int    `json:"ok"`
	Failed     int    `json:"failed"`
	Unknown    int    `json:"unknown"`
	Keys       int    `json:"keys"`
	Cut        bool   `json:"cut,omitempty"`
}

// decide reads and judges; what is no history cannot be judged either.
func decide(in io.Reader, model string, limits history.Limits) (*history.History, history.Verdict, error) {
	h, err := history.Read(in, limits.Memory)
	if err == nil {
		return h, history.Judge(h, model, limits), nil
	}
	if is[*history.FormatError](err) || is[*history.SizeError](err) {
		return &history.History{}, history.Verdict{Answer: history.CannotTell, Reason: err.Error()}, nil
	}
	return nil, history.Verdict{}, err
}

func (o *faultTesterOptions) setModel(name string) error {
	if !slices.Contains(history.Models(), name) {
		return fmt.Errorf("%q is not one of %s", name, strings.Join(history.Models(), ", "))
	}
	o.model = name
	return nil
}

func rounds(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of rounds", s)
	}
	return int(n), nil
}
