# bash completion for fault-tester
_fault_tester() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
	COMPREPLY=()
	case $prev in
	-c|--config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--case) :; return ;;
	--rounds) :; return ;;
	--for) :; return ;;
	--limit) :; return ;;
	--wait) :; return ;;
	--fault) :; return ;;
	--overlap) :; return ;;
	--votes) :; return ;;
	--evidence) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	--model) :; return ;;
	--memory) :; return ;;
	--seed) :; return ;;
	--junit) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--html) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--hold) :; return ;;
	--delay) :; return ;;
	--jitter) :; return ;;
	--percent) :; return ;;
	--rate) :; return ;;
	--leave) :; return ;;
	--variant) :; return ;;
	--path) :; return ;;
	--op) :; return ;;
	--flip) :; return ;;
	--cut) :; return ;;
	--direction) :; return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-c --config --case --rounds --for --limit --wait --fault --overlap --votes --no-skip --evidence --model --memory --seed --json --junit --html --hold --delay --jitter --percent --rate --leave --variant --path --op --tear --flip --cut --direction -q --quiet -v --verbose -h --help --version" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "run do explore list lab up judge check" -- "$cur")
	fi
}
complete -F _fault_tester fault-tester
