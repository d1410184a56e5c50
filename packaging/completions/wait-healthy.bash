# bash completion for wait-healthy
_wait_healthy() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	local i=1
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--) ((i++)); break ;;
		--url|--timeout|--interval|--polling-frequency|--try-timeout|--initial-delay|--successes|-p|--pid-file|--pidfile|--pid|--status|-H|--header|-X|--request|-d|--data|--auth|--body-match|--send|--expect|--max-redirects|--unix-socket|--cacert|--cert|--key|--server-name|--unrecorded|--match-exec|--match-name|--match-user) [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i += 2)) ;;
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
	--url) :; return ;;
	--timeout) :; return ;;
	--interval|--polling-frequency) :; return ;;
	--try-timeout) :; return ;;
	--initial-delay) :; return ;;
	--successes) :; return ;;
	-p|--pid-file|--pidfile) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--pid) :; return ;;
	--status) :; return ;;
	-H|--header) :; return ;;
	-X|--request) :; return ;;
	-d|--data) :; return ;;
	--auth) :; return ;;
	--body-match) :; return ;;
	--send) :; return ;;
	--expect) :; return ;;
	--max-redirects) :; return ;;
	--unix-socket) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--cacert) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--cert) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--key) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--server-name) :; return ;;
	--unrecorded) :; return ;;
	--match-exec) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--match-name) :; return ;;
	--match-user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "--url --exec --timeout --interval --polling-frequency --try-timeout --initial-delay --successes --once --any --invert -p --pid-file --pidfile --pid --ready-shared --status -H --header -X --request -d --data --auth --body-match --send --expect --max-redirects --unix-socket --cacert --cert --key --server-name -k --insecure --no-proxy --notify --json --allow-insecure --unrecorded --match-exec --match-name --match-user -q --quiet -v --verbose -h --help --version" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
}
complete -F _wait_healthy wait-healthy
