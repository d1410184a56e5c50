package spawn

import (
	"fmt"
	"os"
	"strings"

	"pidbox/lib/resolve"
)

// envLimit is more than execve(2) takes.
const envLimit = 16 << 20

// ParseEnvFile reads K=V lines, as systemd's EnvironmentFile and Docker's --env-file: empty lines and lines that start
// with # or ; are skipped, a leading "export " is dropped, blanks around the key and around the value too. A value
// wholly in single quotes is taken as it stands between them; in double quotes \", \\, \$, \` and \n are understood.
// A quoted value ends on its line; # starts no comment after a value; nothing is expanded. An error names file:line.
//
// Variables can make a program do anything (LD_PRELOAD). So, unless insecure, a file that another user could have written
// than root, the caller, or the one that the program is to run as (nil is the caller) is a *resolve.Unsafe.
func ParseEnvFile(path string, as *User, insecure bool) ([]string, error) {
	uid := os.Geteuid()
	if as != nil {
		uid = as.UID
	}
	text, err := resolve.ReadFile(path, envLimit, uid, resolve.Policy{Insecure: insecure})
	if err != nil {
		return nil, err
	}
	var env []string
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") { // an encoding mark is no part of a name
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		kv, err := parseEnvLine(strings.TrimPrefix(line, "export "))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		env = append(env, kv)
	}
	return env, nil
}

func parseEnvLine(line string) (string, error) {
	key, value, ok := strings.Cut(line, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case !ok:
		return "", fmt.Errorf("%q is not K=V", line)
	case !validKey(key):
		return "", fmt.Errorf("%q is not the name of a variable", key)
	case strings.ContainsRune(value, 0):
		return "", fmt.Errorf("the value of %s holds a NUL", key)
	}
	value, err := unquote(value)
	if err != nil {
		return "", fmt.Errorf("the value of %s: %w", key, err)
	}
	return key + "=" + value, nil
}

// validKey is generous: shells want [A-Za-z_][A-Za-z0-9_]*, but programs read names with dots and dashes too.
func validKey(key string) bool { return key != "" && !strings.ContainsAny(key, "= \t\x00\"'") }

func unquote(s string) (string, error) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return s, nil
	}
	quote, escapes := s[0], s[0] == '"'
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote && i == len(s)-1:
			return b.String(), nil
		case c == quote:
			return "", fmt.Errorf("text after the closing quote: %q", s[i+1:])
		case c == '\\' && escapes && i+1 < len(s) && strings.IndexByte("\"\\$`n", s[i+1]) >= 0:
			i++
			b.WriteByte(map[bool]byte{true: '\n', false: s[i]}[s[i] == 'n'])
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("the quote is not closed on its line")
}

// ParseEnv checks one K=V.
func ParseEnv(s string) (string, error) {
	key, _, ok := strings.Cut(s, "=")
	switch {
	case !ok:
		return "", fmt.Errorf("%q is not K=V", s)
	case key == "":
		return "", fmt.Errorf("%q has no name before the =", s)
	}
	return s, nil
}

// MergeEnv is base with the K=V of each later list set in turn; the last one of a key wins and keeps the first one's place.
func MergeEnv(base []string, more ...[]string) []string {
	var merged []string
	place := map[string]int{}
	for _, list := range append([][]string{base}, more...) {
		for _, kv := range list {
			key, _, _ := strings.Cut(kv, "=")
			if at, seen := place[key]; seen {
				merged[at] = kv
				continue
			}
			place[key] = len(merged)
			merged = append(merged, kv)
		}
	}
	return merged
}
