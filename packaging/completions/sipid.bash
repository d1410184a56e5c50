# bash completion for sipid
_sipid() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	case $prev in
	--pid) :; return ;;
	--pid-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--unrecorded) :; return ;;
	--url) :; return ;;
	--timeout) :; return ;;
	--polling-frequency) :; return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "--pid --pid-file --allow-insecure --unrecorded --show-stacks --url --timeout --polling-frequency" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "claim kill wait-until-healthy" -- "$cur")
	fi
}
complete -F _sipid sipid
