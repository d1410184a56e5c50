//go:build linux

package testscripts

import (
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pidbox/lib/cgroup"
)

// patience is how long a script waits for what must come: long, for a loaded machine.
const patience = 3 * time.Minute

type scriptKey struct{}

// script is what the commands of one script remember.
type script struct {
	t    testscript.T
	env  []string // as the script began
	last []string // the last status command
	took time.Duration
}

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	commands := map[string]func(*testscript.TestScript, []string){
		"status":   status,
		"says":     says,
		"silent":   silent,
		"json":     jsonLines,
		"took":     took,
		"signal":   sendSignal,
		"pidvar":   pidvar,
		"stalepid": stalepid,
		"race":     race,
		"httpd":    httpd,
		"freeport": freeport,
		"hostport": hostport,
		"procis":   procis,
		"reuse":    reuse,
		"tmpfs":    tmpfs,
		"filemode": filemode,
		"forge":    forge,
		"long":     long,
		"need":     need,
		"chown":    chown,
		"lockedby": lockedby,
		"usersdb":  usersdb,
		"mount":    mount,
		"setxattr": setxattr,
		"acl":      acl,
		"touchat":  touchat,
		"inode":    inode,
		"syscalls": syscalls,
	}
	commands["counterfeit"] = counterfeit
	all := map[string]func(*testscript.TestScript, bool, []string){"waitfor": waitfor, "quietly": quietly}
	for name, command := range commands {
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("unsupported: ! %s", name)
			}
			command(ts, args)
		}
	}
	return all
}

func needArgs(ts *testscript.TestScript, args []string, n int, usage string) {
	if len(args) < n {
		ts.Fatalf("usage: %s", usage)
	}
}

// need TOOL... | root | namespace | cgroup: the script is skipped where it is missing; in CI a missing tool fails. A cgroup is
// one of version 2, to be made below the one that the tests are in.
func need(ts *testscript.TestScript, args []string) {
	for _, what := range args {
		switch what {
		case "root":
			if os.Geteuid() != 0 {
				of(ts).t.Skip("needs root")
			}
		case "namespace":
			if os.Geteuid() != 0 || os.Getenv("CI") == "" && !inNamespace() {
				of(ts).t.Skip("needs root")
			} else if !inNamespace() {
				ts.Fatalf("no PID namespace to be had")
			}
		case "cgroup":
			g, err := cgroup.Make(fmt.Sprintf("pidbox-need-%d-%d", os.Getpid(), time.Now().UnixNano()))
			if err == nil {
				defer g.Remove()
			}
			if err != nil || g.Version() != 2 {
				of(ts).t.Skip("needs a control group of version 2")
			}
		default:
			if _, err := exec.LookPath(what); err != nil && os.Getenv("CI") != "" {
				ts.Fatalf("%s is missing", what)
			} else if err != nil {
				of(ts).t.Skip(what + " is missing")
			}
		}
	}
}
