# bash completion for pid-alive
_pid_alive() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	case $prev in
	-p|--pid-file|--pidfile) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--pid) :; return ;;
	--wait-exit) :; return ;;
	--unrecorded) :; return ;;
	--match-exec) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--match-name) :; return ;;
	--match-user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-p --pid-file --pidfile --pid --print --explain --json --wait-exit --exit-code --any --allow-insecure --unrecorded --match-exec --match-name --match-user -q --quiet -v --verbose -h --help --version" -- "$cur")
	fi
}
complete -F _pid_alive pid-alive
