# bash completion for pid-claim
_pid_claim() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	local i=1
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--) ((i++)); break ;;
		-p|--pid-file|--pidfile|--pid|--wait|--mode|-u|--user|-c|--chdir|--umask|-E|--env|--unrecorded|--match-exec|--match-name|--match-user) [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i += 2)) ;;
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
	--pid) :; return ;;
	--wait) :; return ;;
	--mode) :; return ;;
	-u|--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	-c|--chdir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	--umask) :; return ;;
	-E|--env) :; return ;;
	--unrecorded) :; return ;;
	--match-exec) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--match-name) :; return ;;
	--match-user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-p --pid-file --pidfile --pid --wait --mode -u --user -c --chdir --umask -E --env --hold --listen-fds --cgroup --json -n --dry-run --allow-insecure --unrecorded --match-exec --match-name --match-user -q --quiet -v --verbose -h --help --version" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
}
complete -F _pid_claim pid-claim
