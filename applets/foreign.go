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
			{"other programs", "--delay --max-wait --term-timeout", "write --grace D"},
			{"other programs", "--kill", "KILL follows by itself after --grace; to begin with it, write --signal KILL"},
			{"other programs", "--children --recursive -r", "write --tree"},
			{"systemctl(1)", "--reload", "write --no-wait --signal HUP"},
			{"systemctl(1)", "--restart", "use keep-alive --restart, or start it again by daemonize"},
			{"other programs", "--process --pids", "pid-kill takes a pidfile; claim one for a running process by pid-claim --pid PID -p FILE"},
			{"other programs", "--silent", "write --quiet"},
			{"other programs", "--no-kill --nokill", "write --retry with TERM alone, for example TERM/20"},
			{"other programs", "--after", "write --grace D"},
			{"other programs", "--interactive -i", "leave it out; --dry-run says what would be stopped"},
			{"pkill(1)", "-P --parent", "write --tree, with the pidfile of the parent"},
			{"kill(1)", "--list", "signals are written as TERM, SIGTERM or 15"},
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
			{"other programs", "--kill --stop", "use pid-kill"},
			{"other programs", "--port", "use wait-healthy --once HOST:PORT"},
			{"pidof(1)", "-s -c", "pid-alive asks about a pidfile or a PID, not about a program's name"},
			{"kill(1)", "-0", "leave it out; no signal is sent"},
			{"other programs", "--is-running --running --is-active --check --exists", "leave it out; pid-alive always asks"},
			{"other programs", "--watch --follow", "write --wait-exit D, which waits for the end"},
			{"other programs", "--once", "leave it out; pid-alive asks once, except with --wait-exit"},
			{"pidof(1)", "-l --all -a", "pid-alive asks about a pidfile or a PID, not about a program's name"},
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
			{"timeout(1)", "--timeout --time", "write --max-runtime D"},
			{"other programs", "--parent --ppid --die-with-parent", "write --owner PID, or --owner \"$$\" in a shell; without it COMMAND ends with pid-bound"},
			{"pid-kill", "--group --session", "write --scope tree, which is more"},
			{"other programs", "--kill -9", "write --grace 0"},
			{"other programs", "-o -e --log --output --stdout --stderr", "redirect the output of pid-bound: pid-bound COMMAND >FILE 2>&1"},
			{"other programs", "-d --detach --background -b", "use daemonize, with pid-bound as its COMMAND"},
			{"other applets", "--env -E --chdir -c", "begin COMMAND with env: env -C DIR K=V COMMAND"},
			{"other applets", "-u", "begin COMMAND with chpst -u USER, or another program that changes it"},
			{"systemd-run(1)", "--memory --cpu --limit", "begin COMMAND with a program that sets it, for example prlimit or nice"},
			{"unshare(1)", "--fork --kill-child", "write --scope namespace"},
			{"other applets", "--pid", "write --owner PID; for a PID namespace, --scope namespace"},
			{"unshare(1)", "--mount-proc", "leave it out; a PID namespace gets a /proc of its own"},
			{"setpriv(1)", "--pdeathsig", "leave it out; COMMAND is always ended with pid-bound"},
			{"systemd-run(1)", "--user", "leave it out, as no service manager is needed; to become a user, begin COMMAND with chpst -u USER"},
			{"systemd-run(1)", "--wait --pipe --pty -P", "leave it out; pid-bound needs no service manager"},
			{"tini", "-g -s", "leave it out; pid-bound ends all descendants, and collects orphans"},
		}
	case "pid-claim":
		return []foreignOption{
			{ssd, "--start -S", "leave it out; pid-claim starts COMMAND in its own place"},
			{ssd, "--exec -x --startas -a", command},
			{ssd, "--make-pidfile -m", "leave it out; the pidfile is always written"},
			{ssd, "--background -b", "use daemonize"},
			{ssd, "--chuid", "write --user USER:GROUP"},
			{ssd, "--oknodo", "leave it out; status 1 says that another process holds the pidfile"},
			{"daemonize", "-o -e --output --stdout --stderr --log", "redirect the output of pid-claim: pid-claim -p FILE COMMAND >LOG 2>&1"},
			{"daemonize", "--env-file", "begin COMMAND with a shell that reads it: sh -c 'set -a; . FILE; exec COMMAND'"},
			{"daemonize", "--nice --limit --capabilities", "begin COMMAND with a program that does it, for example nice, prlimit or chpst"},
			{"daemonize", "-d --detach", "use daemonize"},
			{"other programs", "--release --unlock --remove", "leave it out; a claim ends with its process, and pid-kill removes the pidfile"},
			{"other programs", "--status --check", "use pid-alive"},
			{"other programs", "--retry", "write --wait D"},
			{ssd, "--group -g", "write --user USER:GROUP"},
			{"flock(1)", "--timeout -w", "write --wait D"},
			{"other programs", "--lock --lockfile", "write -p FILE; it is locked while it is claimed, and with --hold as long as COMMAND runs"},
			{"flock(1)", "--nonblock --nb", "leave it out; only --wait waits for a live holder"},
			{"chpst(8)", "-l -L", "the pidfile is the lock"},
			{"other programs", "--force -f", "nothing claims over a live process; stop it by pid-kill first"},
			{"flock(1)", "--exclusive --shared", "leave it out; one process at a time holds a pidfile"},
			{"other programs", "--write --create", "leave it out; the pidfile is always written"},
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
			{ssd, "--stop -K --kill -k", "use pid-kill"},
			{ssd, "--group -g --uid --gid", "write --user USER:GROUP"},
			{ssd, "--chroot", "begin COMMAND with chroot DIR"},
			{"systemd.service", "--workdir --working-directory --cwd --dir --directory", "write -c DIR"},
			{"other programs", "--priority", "write --nice N"},
			{"other programs", "--timeout", "write --ready-timeout D"},
			{ssd, "--status -T", "use pid-alive"},
			{"daemon(1)", "--respawn -r", "use keep-alive"},
			{"daemon(1)", "--name", "write -p FILE"},
			{"other programs", "--detach --daemon -D", "leave it out; daemonize always starts in the background"},
			{"other programs", "--foreground -F", "leave daemonize out; COMMAND alone stays in the foreground"},
			{"other programs", "--log --logfile -L", "write -o FILE -e FILE"},
			{"systemd.service", "--restart", "use keep-alive"},
			{"setsid(1)", "--fork -f", "leave it out; daemonize always forks"},
			{"other programs", "--running --is-running", "use pid-alive"},
			{"systemd.service", "--notify --type", "write --notify-await for a COMMAND that sends READY=1, as with Type=notify"},
			{"other programs", "--delay --sleep", "write --min-uptime D, or --ready-url URL"},
			{"other programs", "--environment", "write -E K=V"},
		}
	case "keep-alive":
		return []foreignOption{
			{"daemon(1)", "--respawn -r", "leave it out; keep-alive always restarts"},
			{"daemon(1)", "--name", "write -p FILE"},
			{"other programs", "--daemon --background --fork -d -D -b", "write --detach"},
			{"other programs", "--foreground -F --nodaemon --no-daemon", "leave it out; keep-alive stays in the foreground, except with --detach"},
			{"other programs", "--once --never --no", "write --max-restarts 0"},
			{"other programs", "--on-failure --exit-code", "write --no-restart-codes 0"},
			{"other programs", "--times", "write --max-restarts N"},
			{"other programs", "--kill", "write --stop"},
			{"other programs", "--interval", "write --backoff-max D, or --health-interval D for --health"},
			{"watchexec", "--watch -w", "keep-alive looks at COMMAND, not at files; keep-alive -p FILE --restart restarts it"},
			{"systemd.service", "--workdir --working-directory --cwd --dir --directory", "write -c DIR"},
			{ssd, "--group -g --uid --gid", "write --user USER:GROUP"},
			{"other programs", "--always --autorestart --forever --unless-stopped", "leave it out; keep-alive always restarts, except with --no-restart-codes"},
			{"systemctl(1)", "--reload", "write pid-kill --no-wait --signal HUP -p FILE, which keep-alive passes on"},
			{"systemctl(1)", "--start", "leave it out; keep-alive starts COMMAND"},
			{"supervisord", "--numprocs --instances", "leave it out; each COMMAND has a keep-alive of its own"},
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
			{"supervisord", "--stopwaitsecs --stop-timeout --stop-grace --kill-after --time", "write --stop-schedule INT/D/KILL/D"},
			{"daemonize", "--limit --nice --capabilities --oom-score-adj --no-new-privs",
				"COMMAND can begin with a program that does it, for example nice, prlimit or chpst"},
			{ssd, "--exec -x --startas --command --program", command},
			{"supervisord", "--environment", "write --env K=V"},
			{"supervisord", "--stdout-logfile --stdout_logfile --logfile --output", "write -o FILE"},
			{"supervisord", "--stderr-logfile --stderr_logfile --redirect-stderr --redirect_stderr", "write -e FILE, which may be that of -o"},
			{"other programs", "--sleep --backoff --wait-restart", "write --backoff-max D"},
			{"docker run", "--rm -it -i -t --tty", "leave it out; keep-alive runs COMMAND without a terminal"},
			{"systemctl(1)", "--is-active --info", "write --status"},
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
			{"other programs", "--max-wait --deadline --for", "write --timeout D"},
			{"other programs", "--not --down --closed", "write --invert"},
			{"other programs", "--all", "leave it out; all targets must be healthy, except with --any"},
			{"other programs", "-4 -6", "write an address in place of the name: 127.0.0.1:PORT or [::1]:PORT"},
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
			{"curl(1)", "--user -u", "write --auth USER:PASSWORD"},
			{"curl(1)", "--head -I", "write --request HEAD"},
			{"curl(1)", "--method", "write --request METHOD"},
			{"curl(1)", "--output -o --compressed", "leave it out"},
			{"curl(1)", "--proxy -x", "set HTTP_PROXY or HTTPS_PROXY"},
			{"other programs", "--expect-status --expected-status --status-code --code --until", "write --status N"},
			{"other programs", "--sleep --every --period --poll", "write --interval D"},
			{"docker run", "--start-period", "write --initial-delay D"},
			{"other programs", "--file --path", "write file:PATH"},
			{"other programs", "--socket", "write unix:PATH"},
		}
	case "fault-tester":
		return []foreignOption{
			{"other programs", "--dry-run -n", "use list, which reads the plan and breaks nothing"},
			{"other programs", "--file --plan -f", "write the plan's file behind the command: run FILE"},
			{"other programs", "--duration --time", "write --for D for rounds, or --hold D for one fault"},
			{"other programs", "--timeout", "write --limit D"},
			{"other programs", "--filter --only --name -k", "write --case GLOB"},
			{"other programs", "--report --output -o", "write --html FILE, --junit FILE or --json"},
			{"other programs", "--format", "write --json, --junit FILE or --html FILE"},
			{"other programs", "--repeat --count", "write --rounds N"},
			{"other programs", "--parallel --jobs -j", "leave it out; the cases of a plan follow each other"},
			{"other programs", "--retries --retry", "leave it out; a case that fails has failed"},
			{"other programs", "--members --targets", "use list, which prints the members that each case hits"},
			{"other programs", "--verify --validate", "use list, which reads the plan, or check, which asks the members"},
		}
	case "fault-agent":
		return []foreignOption{
			{"other programs", "--port --host --bind --address --addr -l -L", "write --listen HOST:PORT, or --listen unix:PATH"},
			{"other programs", "--daemon --detach --background -d -D -b", "the agent stays in the foreground: run it by keep-alive --detach or by daemonize"},
			{"fault-tester", "--config", "the plan is fault-tester's; an agent has its member alone, on its command line"},
			{"other programs", "--name", "the member's name is in the plan of fault-tester"},
			{"daemonize", "--log --logfile --output -o -e", "the member's output goes to D/member.log with --dir D, else to the agent's standard error"},
			{"other programs", "--data --data-dir --datadir", "write --dir D"},
			{"fault-tester", "--stop --kill --pause --resume --restart --wipe --isolate --heal", "write fault-tester do ACTION TARGET -c FILE, or POST an order to the agent"},
			{"fault-tester", "--status", "use fault-tester check, or GET /v1/status of the agent"},
			{"daemonize", "--env -E", "begin COMMAND with env K=V, or write --env-file FILE"},
			{"systemctl(1)", "--service", "write --unit NAME"},
		}
	case "pidbox":
		return []foreignOption{
			{"busybox", "--list-full -l", "write --list"},
			{"busybox", "--applets", "write --list"},
			{"busybox", "-s --symlink --symbolic", "leave it out; the links are symbolic, except with --hard"},
			{"other programs", "--force -f", "leave it out; a file that is not a link to pidbox is never replaced"},
			{"other programs", "--uninstall --remove", "remove the links that --list names, or run make uninstall"},
			{"other programs", "--json", "leave it out; --list prints a name on each line"},
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
