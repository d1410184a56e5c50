package manual

import (
	"fmt"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/signals"
)

// Bash is the completion for bash(1).
func Bash(a *applet.Applet) string {
	var b, cases strings.Builder
	var words []string
	for _, o := range a.All(new(applet.Common)) {
		names := dashed(o)
		words = append(words, names...)
		if o.TakesValue() {
			fmt.Fprintf(&cases, "\t%s) %s; return ;;\n", strings.Join(names, "|"), bashValue(o.Kind))
		}
	}
	function := "_" + strings.ReplaceAll(a.Name, "-", "_")
	fmt.Fprintf(&b, "# bash completion for %s\n%s() {\n", a.Name, function)
	b.WriteString("\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n")
	b.WriteString("\tif [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n")
	b.WriteString("\tCOMPREPLY=()\n")
	if a.Operand == applet.Command {
		fmt.Fprintf(&b, bashWrapped, strings.Join(valued(a), "|"))
	}
	if cases.Len() > 0 {
		b.WriteString("\tcase $prev in\n" + cases.String() + "\tesac\n")
	}
	if a.Name == "pidbox" { // the applet's own completion takes over
		b.WriteString("\tif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]]; then\n\t\t! declare -F _command_offset >/dev/null || _command_offset 1\n\t\treturn\n\tfi\n")
	}
	fmt.Fprintf(&b, "\tif [[ $cur == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W %q -- \"$cur\")\n", strings.Join(words, " "))
	if operand := bashOperand(a); operand != "" {
		b.WriteString("\telse\n\t\t" + operand + "\n")
	}
	fmt.Fprintf(&b, "\tfi\n}\ncomplete -F %s %s\n", function, a.Name)
	return b.String()
}

// bashWrapped hands the words of a wrapped command over to that command's own completion: they are not the applet's, even
// where they look like its options. Bash splits --name=value into three words.
const bashWrapped = `	local i=1
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--) ((i++)); break ;;
		%s) [[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i += 2)) ;;
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
`

func bashValue(k applet.Kind) string {
	reply := func(how string) string { return "mapfile -t COMPREPLY < <(compgen " + how + ` -- "$cur")` }
	switch k {
	case applet.File:
		return "compopt -o filenames; " + reply("-f")
	case applet.Dir:
		return "compopt -o filenames; " + reply("-d")
	case applet.SignalName:
		return reply(`-W "` + strings.Join(signals.Names(), " ") + `"`)
	case applet.User:
		return reply("-u")
	case applet.Command:
		return reply("-c")
	}
	return ":"
}

func bashOperand(a *applet.Applet) string {
	if len(a.Commands) > 0 {
		return fmt.Sprintf("mapfile -t COMPREPLY < <(compgen -W %q -- \"$cur\")", strings.Join(names(a.Commands), " "))
	}
	if a.Operand == applet.Text {
		return ""
	}
	return bashValue(a.Operand)
}

// Zsh is the completion for zsh(1), a file to be named _NAME.
func Zsh(a *applet.Applet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n\n_arguments -s -S", a.Name)
	for _, o := range a.All(new(applet.Common)) {
		for _, name := range dashed(o) {
			spec := name
			if o.Repeat {
				spec = "*" + spec
			}
			spec = zshExclusive(a, o) + spec
			if o.TakesValue() {
				if strings.HasPrefix(name, "--") {
					spec += "="
				}
				spec += "[" + zshText(o.Text) + "]:" + zshText(o.Arg) + ":" + zshValue(o.Kind)
			} else {
				spec += "[" + zshText(o.Text) + "]"
			}
			b.WriteString(" \\\n\t" + single(spec))
		}
	}
	switch {
	case len(a.Commands) > 0:
		b.WriteString(" \\\n\t" + single("1:command:("+strings.Join(names(a.Commands), " ")+")"))
		rest := "*:argument:_files"
		if a.Name == "pidbox" { // the applet's own completion takes over; with two colons our options end here
			rest = "*::argument:_normal"
		}
		b.WriteString(" \\\n\t" + single(rest))
	case a.Operand == applet.Command:
		b.WriteString(" \\\n\t" + single("*::command:_normal"))
	case a.Operand != applet.Text:
		b.WriteString(" \\\n\t" + single("*:operand:"+zshValue(a.Operand)))
	}
	return b.String() + "\n"
}

// zshExclusive is the list of the options that are not offered once o is there, or "".
func zshExclusive(a *applet.Applet, o applet.Option) string {
	var words []string
	for _, name := range o.Names {
		for _, other := range a.Others(name) {
			if found := applet.Find(a.Options, other); found != nil {
				words = append(words, dashed(*found)...)
			}
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "(" + strings.Join(words, " ") + ")"
}

func zshValue(k applet.Kind) string {
	switch k {
	case applet.File:
		return "_files"
	case applet.Dir:
		return "_files -/"
	case applet.SignalName:
		return "(" + strings.Join(signals.Names(), " ") + ")"
	case applet.User:
		return "_users"
	case applet.Command:
		return "_command_names -e"
	}
	return " "
}

func zshText(text string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(oneLine(text))
}

// Fish is the completion for fish(1).
func Fish(a *applet.Applet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %s\n", a.Name)
	switch {
	case len(a.Commands) > 0:
		for _, c := range a.Commands {
			fmt.Fprintf(&b, "complete -c %s -f -n __fish_use_subcommand -a %s -d %s\n", a.Name, c.Name, fishText(c.Text))
		}
	case a.Operand == applet.Command:
		// The first word must not be a long option: fish takes those for its own.
		fmt.Fprintf(&b, "complete -c %s -x -a '(__fish_complete_subcommand - %s)'\n", a.Name, strings.Join(valued(a), " "))
	case a.Operand == applet.Text:
		fmt.Fprintf(&b, "complete -c %s -f\n", a.Name)
	}
	own := "complete -c " + a.Name
	if a.Name == "pidbox" { // behind an applet, the applet's own completion takes over
		fmt.Fprintf(&b, "%s -x -n 'not __fish_use_subcommand' -a '(__fish_complete_subcommand)'\n", own)
		own += " -n __fish_use_subcommand"
	}
	for _, o := range a.All(new(applet.Common)) {
		b.WriteString(own)
		for _, name := range o.Names {
			if len(name) == 1 {
				b.WriteString(" -s " + name)
			} else {
				b.WriteString(" -l " + name)
			}
		}
		if o.TakesValue() {
			b.WriteString(fishValue(o.Kind))
		}
		b.WriteString(" -d " + fishText(o.Text) + "\n")
	}
	return b.String()
}

func fishValue(k applet.Kind) string {
	switch k {
	case applet.File:
		return " -r -F"
	case applet.Dir:
		return " -x -a '(__fish_complete_directories)'"
	case applet.SignalName:
		return " -x -a '" + strings.Join(signals.Names(), " ") + "'"
	case applet.User:
		return " -x -a '(__fish_complete_users)'"
	case applet.Command:
		return " -x -a '(__fish_complete_command)'"
	}
	return " -x"
}

func fishText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(oneLine(text)) + "'"
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// single is text as one word of a POSIX shell.
func single(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// valued is every spelling of the options whose value may be the next word.
func valued(a *applet.Applet) (all []string) {
	for _, o := range a.All(new(applet.Common)) {
		if o.TakesValue() {
			all = append(all, dashed(o)...)
		}
	}
	return all
}

func dashed(o applet.Option) []string {
	return strings.Split(spelling(applet.Option{Names: o.Names}), ", ")
}

func names(items []applet.Item) []string {
	var all []string
	for _, i := range items {
		all = append(all, i.Name)
	}
	return all
}
