package spawn

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"pidbox/lib/fork"
)

// failure is the error of a step that a child reports.
func (p *plan) failure(word fork.Message) error {
	if word.Step == p.exec {
		return explain(p.cmd, syscall.Errno(word.Errno))
	}
	return &StepError{p.steps[word.Step], syscall.Errno(word.Errno)}
}

// explain finds out what execve(2) meant.
func explain(cmd Command, errno syscall.Errno) error {
	e := &ExecError{Path: cmd.Path, Errno: errno}
	switch errno {
	case syscall.ENOENT, syscall.ENOTDIR:
		if _, err := os.Stat(cmd.Path); err != nil {
			e.NotFound = true
		} else if i := interpreter(cmd.Path); i != "" {
			e.Reason = fmt.Sprintf("bad interpreter: %s: %v", i, errno)
		} else {
			e.Reason = "its program loader does not exist (made for another system?)"
		}
	case syscall.EACCES:
		if i := interpreter(cmd.Path); i != "" {
			e.Reason = fmt.Sprintf("%v (of it, a directory above it, or its interpreter %s)", errno, i)
		}
	case syscall.ENOEXEC:
		e.Reason = errno.Error() + " (neither a program for this machine nor a script with #!)"
	case syscall.EAGAIN:
		e.Reason = errno.Error() + " (its user has more processes than the limit nproc)"
	case syscall.E2BIG:
		total := 0
		for _, s := range append(cmd.Args[:len(cmd.Args):len(cmd.Args)], cmd.Env...) {
			total += len(s) + 1
		}
		e.Reason = fmt.Sprintf("%v (%d bytes of arguments and environment)", errno, total)
	}
	return e
}

// interpreter is the one that a script names after its #!, if it is a script.
func interpreter(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n')
	if words := strings.Fields(strings.TrimPrefix(line, "#!")); strings.HasPrefix(line, "#!") && len(words) > 0 {
		return words[0]
	}
	return ""
}
