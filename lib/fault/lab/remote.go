package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"pidbox/lib/child"
	"pidbox/lib/fault/plan"
	"pidbox/lib/spawn"
)

// script runs on a member's machine. Its standard input is a token on a line, and then this program; when that ends, because
// the connection has or the tester is done, the agent is asked to end, which heals and stops the member.
const script = `umask 077 && mkdir %[1]s && cd %[1]s || exit 1
read -r token && printf '%%s\n' "$token" >token && head -c %[2]d >pidbox && chmod 700 pidbox || exit 1
trap 'cd /; rm -rf %[1]s' EXIT
exec 3<&0 </dev/null
./pidbox fault-agent -p pid --listen unix:socket --token-file token %[3]s & agent=$!
{ cat <&3 >/dev/null; kill $agent 2>/dev/null; } & watch=$!
wait $agent; status=$?
kill $watch 2>/dev/null
exit $status`

// Remote starts the agents of a plan on their members' machines, over ssh(1), each with this program and a token made for it,
// and forwards their sockets to the paths that the plan names: no port is opened. The tokens are written to the files that the plan names.
func Remote(ctx context.Context, p *plan.Plan, binary string, out *os.File) (_ *Lab, err error) {
	for _, m := range p.Members {
		switch {
		case m.SSH == "" || strings.HasPrefix(m.SSH, "-"):
			return nil, &PlanError{fmt.Sprintf("member %s has no ssh, a HOST or USER@HOST", m.Name)}
		case m.TokenFile == "":
			return nil, &PlanError{fmt.Sprintf("member %s has no token_file, where its token is written", m.Name)}
		case len(m.Command) == 0:
			return nil, &PlanError{fmt.Sprintf("member %s has no command: its agent starts it", m.Name)}
		case !strings.HasPrefix(m.Agent, "unix:"):
			return nil, &PlanError{fmt.Sprintf("the agent of %s is not at unix:PATH, where its socket is forwarded to", m.Name)}
		}
	}
	l := &Lab{plan: p}
	defer func() {
		if err != nil {
			_ = l.Down()
		}
	}()
	for i := range p.Members {
		if err := l.connect(p.Members[i], binary, out); err != nil {
			return nil, fmt.Errorf("agent of %s: %w", p.Members[i].Name, err)
		}
		if err := l.exited(); err != nil { // no copy goes to the others
			return nil, err
		}
	}
	return l, l.await(ctx)
}

func (l *Lab) connect(m plan.Member, binary string, out *os.File) error {
	program, err := os.Open(binary)
	if err != nil {
		return err
	}
	defer program.Close()
	info, err := program.Stat()
	if err != nil {
		return err
	}
	token := rand.Text()
	_ = os.Remove(m.TokenFile) // of a run that was killed
	local := strings.TrimPrefix(m.Agent, "unix:")
	if err := os.WriteFile(m.TokenFile, []byte(token+"\n"), 0o600); err != nil {
		return err
	}
	l.made = append(l.made, m.TokenFile, local)
	there := "/tmp/pidbox-fault-" + strings.ToLower(rand.Text())
	words := []string{}
	if m.Dir != "" {
		words = append(words, "--dir", m.Dir)
		if m.Disk {
			words = append(words, "--disk")
		}
	}
	words = append(append(words, "--start", "--"), m.Command...)
	for i, word := range words {
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	if absolute, err := filepath.Abs(local); err == nil {
		local = absolute
	}
	cmd := spawn.Command{Args: []string{"ssh", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes",
		"-o", "StreamLocalBindMask=0177", "-o", "ServerAliveInterval=5", "-L", local + ":" + there + "/socket", m.SSH,
		fmt.Sprintf(script, there, info.Size(), strings.Join(words, " "))}, Env: os.Environ(), Stdout: out, Stderr: out}
	if cmd.Path, err = spawn.LookPath("ssh", os.Getenv("PATH"), ""); err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin = read
	c, err := child.Start(context.Background(), cmd, child.Spec{Session: true})
	read.Close()
	if err != nil {
		write.Close()
		return err
	}
	l.agents, l.inputs = append(l.agents, c), append(l.inputs, write)
	if _, err = io.WriteString(write, token+"\n"); err == nil {
		_, err = io.Copy(write, program)
	}
	if errors.Is(err, syscall.EPIPE) { // it has ended, which is waited for
		err = nil
	}
	return err
}
