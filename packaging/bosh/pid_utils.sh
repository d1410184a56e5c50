# shellcheck shell=bash
# pid_utils.sh: pid_guard, wait_pidfile and kill_and_wait, as many releases carry them along, over pidbox. Source it in
# place of the release's own:
#
#     source /var/vcap/packages/pidbox/pid_utils.sh
#
# It kills the very process that the pidfile names, or none, where the originals kill whatever has its number; a check and
# the signal after it have no time between them; and a wait sleeps until the kernel says that it is over.

PIDBOX=${PIDBOX:-/var/vcap/packages/pidbox/bin/pidbox}

# pid_guard PIDFILE NAME: exits with 1 if the process of PIDFILE runs, and removes a stale PIDFILE.
pid_guard() {
	local pidfile=$1 name=$2 status=0
	[ -e "$pidfile" ] || return 0
	"$PIDBOX" pid-alive --quiet -p "$pidfile" || status=$?
	case $status in
	0)
		echo "$name is already running, please stop it first"
		exit 1
		;;
	1 | 3)
		echo "Removing stale pidfile..."
		"$PIDBOX" pid-kill --quiet -p "$pidfile"
		;;
	*) # it said why; what is no PID is in nobody's way, where a claim would replace it
		"$PIDBOX" pid-claim --quiet --dry-run --pid "$$" -p "$pidfile" 2>/dev/null || exit 1
		;;
	esac
}

# wait_pidfile PIDFILE [TRY_KILL] [TIMEOUT] [FORCE]: waits up to TIMEOUT seconds (0: for ever) until the process of PIDFILE
# has exited, after TERM if TRY_KILL is 1; then it is killed if FORCE is 1.
wait_pidfile() {
	local pidfile=$1 try_kill=${2:-0} timeout=${3:-0} force=${4:-0} status=0
	[ -e "$pidfile" ] || {
		echo "Pidfile $pidfile doesn't exist"
		return 0
	}
	[ "$timeout" != 0 ] || timeout=$((100 * 365 * 86400))
	if [ "$try_kill" = 1 ] && [ "$force" = 1 ]; then
		"$PIDBOX" pid-kill --retry "TERM/$timeout/KILL/5" -p "$pidfile"
		return
	elif [ "$try_kill" = 1 ]; then
		"$PIDBOX" pid-kill --retry "TERM/$timeout" -p "$pidfile"
		return
	fi
	"$PIDBOX" pid-alive --quiet --wait-exit "$timeout" -p "$pidfile" || status=$?
	if [ $status = 124 ] && [ "$force" = 1 ]; then
		"$PIDBOX" pid-kill --retry KILL/5 -p "$pidfile"
		return
	fi
	[ $status = 0 ] || return $status
	"$PIDBOX" pid-kill --quiet -p "$pidfile"
}

# kill_and_wait PIDFILE [TIMEOUT] [FORCE]: TERM, up to TIMEOUT seconds (25), and KILL if FORCE is 1, as it is unless given.
kill_and_wait() {
	wait_pidfile "$1" 1 "${2:-25}" "${3:-1}"
}
