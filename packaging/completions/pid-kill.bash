# bash completion for pid-kill
_pid_kill() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	case $prev in
	-p|--pid-file|--pidfile) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--grace) :; return ;;
	--retry) :; return ;;
	-s|--signal) mapfile -t COMPREPLY < <(compgen -W "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS" -- "$cur"); return ;;
	--stop-command) :; return ;;
	--budget) :; return ;;
	--unrecorded) :; return ;;
	--match-exec) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--match-name) :; return ;;
	--match-user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-p --pid-file --pidfile --grace --retry -s --signal --show-stacks --stop-command --budget -g --group --session --tree --cgroup --no-wait --require-handler --strict --keep-pid-file --json -n --dry-run --allow-insecure --unrecorded --match-exec --match-name --match-user -q --quiet -v --verbose -h --help --version" -- "$cur")
	fi
}
complete -F _pid_kill pid-kill
