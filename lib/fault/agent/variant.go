package agent

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"pidbox/lib/spawn"
)

// Variant is another way to start the member. All there are were fixed when the agent was made: an order names one.
type Variant struct {
	Env  []string // in addition
	Args []string // in addition, or the whole command
	Else bool     // Args are the whole command
}

// ParseVariant reads NAME=WORDS: words of the form K=V before any other are variables, the rest are further arguments of
// the command; after -- they are a command in its place. There are no quotes: words are divided by blanks.
func ParseVariant(text string) (name string, v Variant, err error) {
	name, rest, is := strings.Cut(text, "=")
	if !is || !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`).MatchString(name) {
		return "", v, fmt.Errorf("%q is not NAME=WORDS, for example rejoin=--initial-cluster-state existing", text)
	}
	words := strings.Fields(rest)
	for len(words) > 0 && regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`).MatchString(words[0]) {
		v.Env, words = append(v.Env, words[0]), words[1:]
	}
	if len(words) > 0 && words[0] == "--" {
		if words, v.Else = words[1:], true; len(words) == 0 {
			return "", v, fmt.Errorf("variant %s: no command after --", name)
		}
	}
	if v.Args = words; len(v.Env)+len(v.Args) == 0 {
		return "", v, fmt.Errorf("variant %s changes nothing", name)
	}
	return name, v, nil
}

// command is what is started: as it is, or in a variant.
func (a *Agent) command(variant string) (spawn.Command, error) {
	cmd := a.Command
	if variant == "" {
		return cmd, nil
	}
	v, known := a.Variants[variant]
	if !known {
		return cmd, refuse(400, "no variant is called %q; there are: %s", variant, strings.Join(slices.Sorted(maps.Keys(a.Variants)), ", "))
	}
	cmd.Env = spawn.MergeEnv(cmd.Env, v.Env)
	if v.Else {
		cmd.Args = v.Args
	} else {
		cmd.Args = slices.Concat(cmd.Args, v.Args)
	}
	return cmd, nil
}
