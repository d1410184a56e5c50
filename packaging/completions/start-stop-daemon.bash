# bash completion for start-stop-daemon
_start_stop_daemon() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	local i=1
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--) ((i++)); break ;;
		-x|--exec|-n|--name|-p|--pidfile|-s|--signal|-R|--retry|-a|--startas|-d|--chdir|-r|--chroot|-c|--chuid|-N|--nicelevel|-k|--umask|-u|--user|--pid|--ppid|-g|--group|-P|--procsched|-I|--iosched|-O|--output|--notify-timeout|--env|--stdin|--stdout|--stderr|--stdout-logger|--stderr-logger|--wait|--notify|--ionice|--oom-score-adj|--scheduler|--scheduler-priority|--capabilities|--secbits) [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i += 2)) ;;
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
	-x|--exec) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-n|--name) :; return ;;
	-p|--pidfile) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-s|--signal) mapfile -t COMPREPLY < <(compgen -W "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS" -- "$cur"); return ;;
	-R|--retry) :; return ;;
	-a|--startas) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-d|--chdir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	-r|--chroot) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	-c|--chuid) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	-N|--nicelevel) :; return ;;
	-k|--umask) :; return ;;
	-u|--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	--pid) :; return ;;
	--ppid) :; return ;;
	-g|--group) :; return ;;
	-P|--procsched) :; return ;;
	-I|--iosched) :; return ;;
	-O|--output) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--notify-timeout) :; return ;;
	--env) :; return ;;
	--stdin) :; return ;;
	--stdout) :; return ;;
	--stderr) :; return ;;
	--stdout-logger) :; return ;;
	--stderr-logger) :; return ;;
	--wait) :; return ;;
	--notify) :; return ;;
	--ionice) :; return ;;
	--oom-score-adj) :; return ;;
	--scheduler) :; return ;;
	--scheduler-priority) :; return ;;
	--capabilities) :; return ;;
	--secbits) :; return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-S --start -K --stop -x --exec -n --name -p --pidfile -s --signal -R --retry -a --startas -d --chdir -r --chroot -c --chuid -N --nicelevel -k --umask -m --make-pidfile -b --background -t --test -o --oknodo -q --quiet -v --verbose -T --status -u --user --pid --ppid -g --group -P --procsched -I --iosched -C --no-close -O --output --notify-await --notify-timeout --remove-pidfile -H --help -V --version --stop-group --env --stdin --stdout --stderr --stdout-logger --stderr-logger --wait --notify --interpreted --progress --ionice --oom-score-adj --scheduler --scheduler-priority --capabilities --secbits --no-new-privs --nocolor" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
}
complete -F _start_stop_daemon start-stop-daemon
