# bash completion for pidbox
_pidbox() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	if ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]]; then
		! declare -F _command_offset >/dev/null || _command_offset 1
		return
	fi
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "--list --install --hard --drop-ins -q --quiet -v --verbose -h --help --version" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "chpst daemonize fault-agent fault-tester keep-alive pid-alive pid-bound pid-claim pid-kill sipid start-stop-daemon wait-healthy" -- "$cur")
	fi
}
complete -F _pidbox pidbox
