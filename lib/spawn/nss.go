package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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
	ctx, cancel := context.WithTimeout(context.Background(), nssWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err == nil {
		return string(out), 0, nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", exit.ExitCode(), fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return "", -1, fmt.Errorf("%s: %w", name, err)
}
