# bash completion for chpst
_chpst() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	local i=1
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--) ((i++)); break ;;
		-u|-U|-b|-e|-/|-C|-n|-l|-L|-m|-d|-o|-p|-f|-c|-r|-t) [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i += 2)) ;;
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
	-u) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	-U) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
	-b) :; return ;;
	-e) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	-/) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	-C) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	-n) :; return ;;
	-l) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-L) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-m) :; return ;;
	-d) :; return ;;
	-o) :; return ;;
	-p) :; return ;;
	-f) :; return ;;
	-c) :; return ;;
	-r) :; return ;;
	-t) :; return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-u -U -b -e -/ -C -n -l -L -m -d -o -p -f -c -r -t -P -0 -1 -2 -v -V" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
}
complete -F _chpst chpst
