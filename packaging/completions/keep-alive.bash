# bash completion for keep-alive
_keep_alive() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	local i=1
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--) ((i++)); break ;;
		-p|--pid-file|--pidfile|--child-pid-file|-o|--stdout|-e|--stderr|-E|--env|--env-file|-u|--user|-c|--chdir|--listen|--stop-schedule|--stop-command|--stop-on|--scope|--follow-pid-file|--free-restarts|--backoff-max|--healthy-after|--max-restarts|--no-restart-codes|--health|--health-interval|--notify-fd|--min-uptime|--watchdog|--ready-timeout|--leave-on|--signal-forward|--reopen-on|--log|--wait|--unrecorded) [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i += 2)) ;;
		=) ((i += 2)) ;;
		-*) ((i++)) ;;
		*) break ;;
		esac
	done
	if ((i < COMP_CWORD)); then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$i"
		else
			compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		return
	elif ((i == COMP_CWORD)) && [[ ${COMP_WORDS[i-1]} == -- ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		return
	fi
	case $prev in
	-p|--pid-file|--pidfile) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--child-pid-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-o|--stdout) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-e|--stderr) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-E|--env) :; return ;;
	--env-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-u|--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	-c|--chdir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	--listen) :; return ;;
	--stop-schedule) :; return ;;
	--stop-command) :; return ;;
	--stop-on) :; return ;;
	--scope) :; return ;;
	--follow-pid-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--free-restarts) :; return ;;
	--backoff-max) :; return ;;
	--healthy-after) :; return ;;
	--max-restarts) :; return ;;
	--no-restart-codes) :; return ;;
	--health) :; return ;;
	--health-interval) :; return ;;
	--notify-fd) :; return ;;
	--min-uptime) :; return ;;
	--watchdog) :; return ;;
	--ready-timeout) :; return ;;
	--leave-on) mapfile -t COMPREPLY < <(compgen -W "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS" -- "$cur"); return ;;
	--signal-forward) :; return ;;
	--reopen-on) mapfile -t COMPREPLY < <(compgen -W "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS" -- "$cur"); return ;;
	--log) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--wait) :; return ;;
	--unrecorded) :; return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-p --pid-file --pidfile --child-pid-file -o --stdout -e --stderr -E --env --env-file -u --user -c --chdir --listen --stop-schedule --stop-command --stop-on --scope --cgroup --follow-pid-file --free-restarts --backoff-max --healthy-after --max-restarts --no-restart-codes --health --ready-shared --health-interval --notify-await --notify-fd --min-uptime --watchdog --notify --detach --ready-timeout --leave-on --signal-forward --reopen-on --log --status --stop --wait --restart --json -n --dry-run --allow-insecure --unrecorded -q --quiet -v --verbose -h --help --version" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
}
complete -F _keep_alive keep-alive
