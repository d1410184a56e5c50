package spawn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A static program reads /etc/passwd and /etc/group. Users and groups of other sources, such as LDAP or
// systemd-userdbd(8), are known to the C library alone (nsswitch.conf(5)), and so to getent(1) and id(1).

// errNoGetent says that there is no program to ask.
var errNoGetent = errors.New("only /etc/passwd and /etc/group were read, because there is no getent(1)")

// nssWait is how long a source that does not answer is waited for.
const nssWait = 20 * time.Second

// getent are the fields of an entry, nil if there is none.
func getent(database, key string) ([]string, error) {
	_, number := parseID(key)
	likeOne := strings.Trim(key, "+0123456789") == "" // which getent(1) takes for one, " 0" and "+0" too
	if strings.HasPrefix(key, "-") || strings.ContainsAny(key, ": \t\n") || likeOne && !number {
		return nil, nil // no entry has such a name
	}
	const notThere = 2 // getent(1)
	out, code, err := ask("getent", database, key)
	if code == notThere {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(out, "\n")
	return strings.Split(line, ":"), nil
}

// groupIDs are all groups of a user that getent knows.
func groupIDs(login string) ([]int, error) {
	out, _, err := ask("id", "-G", "--", login)
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, word := range strings.Fields(out) {
		id, ok := parseID(word)
		if !ok {
			return nil, fmt.Errorf("id -G %s: %q is not a group ID", login, word)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// ask runs one of the two and gives what it prints and its exit code.
func ask(name string, args ...string) (string, int, error) {
	path, err := LookPath(name, os.Getenv("PATH"), "")
	if err != nil {
		return "", -1, errNoGetent
	}
	out, state, err := output(path, append([]string{name}, args...))
	switch {
	case err != nil:
		return "", -1, fmt.Errorf("%s: %w", name, err)
	case !state.Success():
		return "", state.ExitCode(), fmt.Errorf("%s %s: %s", name, strings.Join(args, " "), state)
	}
	return out, 0, nil
}

// output runs a program for what it prints, for nssWait at most. Package os/exec does, too, and with the rest of it.
func output(path string, argv []string) (string, *os.ProcessState, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return "", nil, err
	}
	defer null.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	defer read.Close()
	p, err := os.StartProcess(path, argv, &os.ProcAttr{Files: []*os.File{null, write, null}})
	write.Close()
	if err != nil {
		return "", nil, err
	}
	defer time.AfterFunc(nssWait, func() { _ = p.Kill() }).Stop()
	_ = read.SetReadDeadline(time.Now().Add(nssWait + time.Second)) // for what it started may keep the pipe
	text, failed := io.ReadAll(read)
	if failed != nil {
		_ = p.Kill()
	}
	state, err := p.Wait()
	if err == nil && state.Success() {
		err = failed
	}
	return string(text), state, err
}
