package applets

import (
	"fmt"
	"strings"

	"pidbox/lib/signals"
)

// foreignOption is an option of another program, and what is written in its place here.
type foreignOption struct {
	program string // whose option it is
	options string // its spellings
	ours    string // a clause, as in "write --match-exec PATH"
}

// foreignOptions is what people bring along to an applet. The words of an error and a page of the documentation come from
// it; an option that the applet has itself never gets there.
func foreignOptions(name string) []foreignOption {
	const (
		ssd     = "start-stop-daemon"
		byExec  = "write --match-exec PATH, for a pidfile without a record"
		byName  = "write --match-name NAME, for a pidfile without a record"
		byUser  = "write --match-user USER, for a pidfile without a record"
		command = "leave it out; the program is the COMMAND"
	)
	switch name {
	case "pid-kill":
		return []foreignOption{
			{ssd, "--stop -K", "leave it out; pid-kill always stops"},
			{ssd, "--start -S", "use daemonize or keep-alive"},
			{"pkill(1)", "--all -a", "write --group, --session or --tree"},
			{ssd, "--oknodo -o", "leave it out; nothing to stop is status 0 here, and 1 with --strict"},
			{ssd, "--exec -x", byExec},
			{ssd, "--name", byName},
			{ssd, "--user -u", byUser},
			{ssd, "--test -t", "write --dry-run; for a time limit, --grace D or --budget D"},
			{ssd, "-R", "write --retry SCHEDULE"},
			{ssd, "--remove-pidfile", "leave it out; the pidfile is removed, except with --keep-pid-file"},
			{ssd, "--status -T", "use pid-alive"},
			{ssd, "--pid", "pid-kill takes a pidfile; claim one for a running process by pid-claim --pid PID -p FILE"},
			{"kill(1)", "-9 -KILL", "KILL follows by itself after --grace; to begin with it, write --signal KILL"},
			{"kill(1)", "-l", "signals are written as TERM, SIGTERM or 15"},
			{"pkill(1)", "--exact --full -f", "pid-kill stops what a pidfile names; claim one by pid-claim or daemonize"},
			{"timeout(1)", "--kill-after -k", "write --grace D; KILL follows it"},
			{"other programs", "--timeout --time -w", "write --grace D for the first signal, or --budget D for all of it"},
			{"other programs", "--wait", "leave it out; pid-kill waits for the exit, except with --no-wait"},
			{"other programs", "--force", "write --signal KILL"},
			{"other programs", "--retries", "write --retry SCHEDULE, for example TERM/20/KILL/5"},
		}
	case "pid-alive":
		return []foreignOption{
			{ssd, "--status -T", "leave it out; pid-alive always asks"},
			{ssd, "--exec -x", byExec},
			{ssd, "--name", byName},
			{ssd, "--user -u", byUser},
			{"other programs", "--timeout -t --wait -w", "write --wait-exit D"},
			{"pgrep(1)", "--full -f -x --exact", "pid-alive asks about a pidfile or a PID, not about a program's name"},
			{"ps(1)", "-C -P -e -A", "pid-alive asks about a pidfile or a PID, not about a program's name"},
			{"pidof(1)", "-s -c", "pid-alive asks about a pidfile or a PID, not about a program's name"},
		}
	case "pid-bound":
		return []foreignOption{
			{"timeout(1)", "-k --kill-after", "write --grace D"},
			{"timeout(1)", "-f --foreground", "leave it out; the terminal is COMMAND's as much as pid-bound's"},
			{"timeout(1)", "--preserve-status", "leave it out; only the time limit is status 124"},
			{"timeout(1)", "-t", "write --max-runtime D"},
			{"other applets", "-p --pid-file --pidfile", "write pid-claim -p FILE before COMMAND; for a pidfile of the owner, --owner FILE"},
			{"other applets", "--cgroup", "write --scope cgroup"},
			{"other applets", "--tree", "write --scope tree"},
			{"timeout(1)", "-s --signal", "leave it out; TERM is first, and KILL after --grace"},
			{"timeout(1)", "--timeout", "write --max-runtime D"},
			{"unshare(1)", "--pid --fork --kill-child", "write --scope namespace"},
			{"unshare(1)", "--mount-proc", "leave it out; a PID namespace gets a /proc of its own"},
			{"setpriv(1)", "--pdeathsig", "leave it out; COMMAND is always ended with pid-bound"},
			{"systemd-run(1)", "--user --wait --pipe --pty -P", "leave it out; pid-bound needs no service manager"},
			{"tini", "-g -s", "leave it out; pid-bound ends all descendants, and collects orphans"},
		}
	case "pid-claim":
		return []foreignOption{
			{ssd, "--start -S", "leave it out; pid-claim starts COMMAND in its own place"},
			{ssd, "--exec -x --startas -a", command},
			{ssd, "--make-pidfile -m", "leave it out; the pidfile is always written"},
			{ssd, "--background -b", "use daemonize"},
			{ssd, "--chuid", "write --user USER:GROUP"},
			{ssd, "--oknodo -o", "status 1 says that another process holds the pidfile"},
			{ssd, "--group -g", "write --user USER:GROUP"},
			{"flock(1)", "--timeout -w", "write --wait D"},
			{"other programs", "--lock --lockfile", "write -p FILE; it is locked while it is claimed, and with --hold as long as COMMAND runs"},
			{"flock(1)", "--nonblock --nb", "leave it out; only --wait waits for a live holder"},
			{"chpst(8)", "-l -L", "the pidfile is the lock"},
			{"other programs", "--force -f", "nothing claims over a live process; stop it by pid-kill first"},
		}
	case "daemonize":
		return []foreignOption{
			{ssd, "--start -S --background -b", "leave it out; daemonize always starts in the background"},
			{ssd, "--exec -x --startas", command},
			{ssd, "--make-pidfile -m", "leave it out; -p always writes the pidfile"},
			{ssd, "--chuid", "write --user USER:GROUP"},
			{ssd, "-d", "write -c DIR"},
			{ssd, "--nicelevel -N", "write --nice N"},
			{ssd, "--output -O", "write -o FILE -e FILE"},
			{ssd, "--no-close -C", "no descriptor of the caller is kept; write -o FILE -e FILE"},
			{ssd, "--notify-timeout", "write --ready-timeout D"},
			{ssd, "--oknodo", "status 1 says that it runs already"},
			{ssd, "--stop -K", "use pid-kill"},
			{ssd, "--status -T", "use pid-alive"},
			{"daemon(1)", "--respawn -r", "use keep-alive"},
			{"daemon(1)", "--name", "write -p FILE"},
			{"other programs", "--detach --daemon -D", "leave it out; daemonize always starts in the background"},
			{"other programs", "--foreground -F", "leave daemonize out; COMMAND alone stays in the foreground"},
			{"other programs", "--log --logfile -L", "write -o FILE -e FILE"},
			{"systemd.service", "--restart", "use keep-alive"},
			{"setsid(1)", "--fork -f", "leave it out; daemonize always forks"},
		}
	case "keep-alive":
		return []foreignOption{
			{"daemon(1)", "--respawn -r", "leave it out; keep-alive always restarts"},
			{"daemon(1)", "--name", "write -p FILE"},
			{"other programs", "--daemon --background --fork -d -D -b", "write --detach"},
			{"other programs", "--foreground -F", "leave it out; keep-alive stays in the foreground, except with --detach"},
			{"other programs", "--once", "write --max-restarts 0"},
			{"other programs", "--always --autorestart", "leave it out; keep-alive always restarts, except with --no-restart-codes"},
			{"systemctl(1)", "--reload", "write pid-kill --no-wait --signal HUP -p FILE, which keep-alive passes on"},
			{"systemctl(1)", "--start", "leave it out; keep-alive starts COMMAND"},
			{"supervisord", "--numprocs", "leave it out; each COMMAND has a keep-alive of its own"},
			{"tini", "--init -g -s", "leave it out; as PID 1 keep-alive does this anyway"},
			{"pidbox 1.0", "--jitter", "it is gone; services that are started apart stay apart"},
			{"pidbox 1.0", "--health-grace", "it is gone; until its first success COMMAND has N times D of --health-interval D/N"},
			{"pidbox 1.0", "--health-timeout", "leave it out; a check has the interval, and at least 5 s"},
			{"pidbox 1.0", "--health-failures", "write --health-interval D/N"},
			{"pidbox 1.0", "--log-json", "write --json"},
			{"pidbox 1.0", "--mode", "the pidfiles have 644 less the umask that keep-alive is started with"},
			{"daemonize", "--listen-fds", "write --listen fds"},
			{"daemonize", "--umask", "write it before COMMAND: sh -c 'umask 027; exec COMMAND'"},
			{"daemonize", "--clear-env", "write env -i PATH=\"$PATH\" before keep-alive"},
			{"pid-kill", "--match-exec --match-name --match-user", "leave it out; only a keep-alive can have written its pidfile"},
			{"pidbox 1.0", "--rotate-size --rotate-keep", "it is gone; logrotate's copytruncate works, and --reopen-on"},
			{"systemd.service", "--restart-sec --restart-delay --delay", "write --backoff-max D"},
			{"supervisord", "--startretries --max-retries --retries", "write --max-restarts N/D"},
			{"supervisord", "--startsecs", "write --healthy-after D"},
			{"supervisord", "--stopsignal --stop-signal", "write --stop-schedule SIGNAL/D/KILL/D"},
			{"supervisord", "--stopwaitsecs --stop-timeout", "write --stop-schedule INT/D/KILL/D"},
			{"daemonize", "--limit --nice --capabilities --oom-score-adj --no-new-privs",
				"COMMAND can begin with a program that does it, for example nice, prlimit or chpst"},
		}
	case "wait-healthy":
		return []foreignOption{
			{"wait-for-it", "-h --host --port", "write HOST:PORT"},
			{"wait-for-it", "-t", "write --timeout D"},
			{"wait-for-it", "--strict -s", "leave it out; COMMAND runs only when all is healthy"},
			{"dockerize", "--wait -wait -w", "write the URL alone"},
			{"wait-on", "--delay -delay", "write --initial-delay D"},
			{"wait-on", "-i", "write --interval D"},
			{"wait-on", "--reverse -r", "write --invert"},
			{"wait-on", "--httpTimeout --tcpTimeout", "write --try-timeout D"},
			{"wait-on", "--simultaneous --window --log -l", "leave it out"},
			{"wait4x", "--expect-header", "use exec: with a shell command, for example curl and grep"},
			{"wait4x", "--no-redirect", "write --max-redirects 0"},
			{"other programs", "--retries --attempts --tries -n", "write --timeout D, which bounds the attempts"},
			{"other programs", "--tcp --service -tcp", "write HOST:PORT"},
			{"other programs", "--http --https -http", "write the URL alone"},
			{"other programs", "--grpc", "write grpc://HOST:PORT"},
			{"other programs", "--command --cmd -c", "write -- COMMAND behind the targets"},
			{"dockerize", "--wait-retry-interval -wait-retry-interval", "write --interval D"},
			{"dockerize", "--wait-http-header -wait-http-header", "write -H NAME:VALUE"},
			{"wait4x", "--expect-status-code", "write --status N"},
			{"wait4x", "--expect-body-regex", "write --body-match RE"},
			{"wait4x", "--request-header", "write -H NAME:VALUE"},
			{"wait4x", "--connection-timeout", "write --try-timeout D"},
			{"wait4x", "--invert-check", "write --invert"},
			{"curl(1)", "--fail -f --silent -S --show-error --location -L", "leave it out"},
			{"curl(1)", "--retry --retry-max-time", "write --timeout D"},
			{"curl(1)", "--retry-delay", "write --interval D"},
			{"curl(1)", "--max-time -m --connect-timeout", "write --try-timeout D"},
			{"curl(1)", "--user", "write --auth USER:PASSWORD"},
			{"curl(1)", "--proxy -x", "set HTTP_PROXY or HTTPS_PROXY"},
		}
	case "fault-tester":
		return []foreignOption{
			{"other programs", "--dry-run -n", "use list, which reads the plan and breaks nothing"},
		}
	}
	return nil
}

// anyForeign is what is asked of every program.
func anyForeign() []foreignOption {
	return []foreignOption{
		{"other programs", "-V -version", "write --version"},
		{"other programs", "-? --usage", "write --help"},
	}
}

// Foreign is our word for another program's option that was given to an applet as arg, or "".
func Foreign(name, arg string) string {
	if ours := exactly(name, arg); ours != "" || strings.HasPrefix(arg, "--") {
		return ours
	}
	if sig, err := signals.Parse(strings.TrimPrefix(arg, "-")); err == nil && name == "pid-kill" {
		return fmt.Sprintf("write --signal %s, and --no-wait if the process goes on", signals.Name(sig))
	}
	return exactly(name, arg[:min(len(arg), 2)])
}

func exactly(name, typed string) string {
	for _, o := range append(foreignOptions(name), anyForeign()...) {
		for spelling := range strings.FieldsSeq(o.options) {
			if spelling == typed {
				return o.ours
			}
		}
	}
	return ""
}
