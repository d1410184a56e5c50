# bash completion for daemonize
_daemonize() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	local i=1
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--) ((i++)); break ;;
		-p|--pid-file|--pidfile|-o|--stdout|-e|--stderr|-c|--chdir|-u|--user|--umask|-E|--env|--env-file|-l|--lock-file|--nice|--oom-score-adj|--limit|--capabilities|--min-uptime|--notify-fd|--ready-url|--ready-timeout|--stop-schedule|--wait|--mode|--unrecorded|--match-exec|--match-name|--match-user) [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i += 2)) ;;
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
	-o|--stdout) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-e|--stderr) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-c|--chdir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	-u|--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	--umask) :; return ;;
	-E|--env) :; return ;;
	--env-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-l|--lock-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--nice) :; return ;;
	--oom-score-adj) :; return ;;
	--limit) :; return ;;
	--capabilities) :; return ;;
	--min-uptime) :; return ;;
	--notify-fd) :; return ;;
	--ready-url) :; return ;;
	--ready-timeout) :; return ;;
	--stop-schedule) :; return ;;
	--wait) :; return ;;
	--mode) :; return ;;
	--unrecorded) :; return ;;
	--match-exec) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--match-name) :; return ;;
	--match-user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-p --pid-file --pidfile -o --stdout -e --stderr -a --append --truncate -c --chdir -u --user --umask -E --env --env-file --clear-env -l --lock-file --listen-fds --cgroup --hold-lock --nice --oom-score-adj --limit --no-new-privs --capabilities --min-uptime --notify-await --notify-fd --ready-url --ready-shared --ready-timeout --stop-schedule --wait --mode --json -n --dry-run --allow-insecure --unrecorded --match-exec --match-name --match-user -q --quiet -v --verbose -h --help --version" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
}
complete -F _daemonize daemonize
