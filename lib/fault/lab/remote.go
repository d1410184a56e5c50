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
	"time"

	"pidbox/lib/child"
	"pidbox/lib/fault/plan"
	"pidbox/lib/spawn"
)

// The command line has the shell of whoever logs in, which may be any, start one that reads its script from standard input: so
// many bytes, one by one, since more follows.
const remoteShell = `exec /bin/sh -c 'read -r n && eval "$(dd bs=1 count="$n" 2>/dev/null)"'`

// script runs on a member's machine. Then its standard input is a token on a line, and this program; when that ends, because
// the connection has or the tester is done, the agent is asked to end, which heals and stops the member. Only what waits for
// that has the input, and only until the agent has ended: a connection lasts as long as any process has a part of it.
const script = `umask 077 && mkdir %[1]s && cd %[1]s || exit 1
trap 'cd /; rm -rf %[1]s' EXIT
trap 'exit 1' HUP INT TERM
read -r token && printf '%%s\n' "$token" >token && head -c %[2]d >pidbox && [ "$(wc -c <pidbox)" -eq %[2]d ] && chmod 700 pidbox || exit 1
exec 3<&0 </dev/null
./pidbox fault-agent -p pid --listen unix:socket --token-file token %[3]s 3<&- & agent=$!
{ while read -r _; do :; done; kill $agent; } <&3 >/dev/null 2>&1 3<&- & watch=$!
exec 3<&-
trap 'kill $agent' HUP INT TERM
wait $agent; status=$?
while kill -0 $agent 2>/dev/null; do wait $agent; status=$?; done
kill $watch 2>/dev/null
exit $status
`

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
		if err := l.connect(ctx, p.Members[i], binary, out); err != nil {
			return nil, fmt.Errorf("agent of %s: %w", p.Members[i].Name, err)
		}
		if err := l.exited(); err != nil { // no copy goes to the others
			return nil, err
		}
	}
	if err = l.await(ctx); err == nil {
		l.up = true
	}
	return l, err
}

func (l *Lab) connect(ctx context.Context, m plan.Member, binary string, out *os.File) error {
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
	text := fmt.Sprintf(script, there, info.Size(), strings.Join(words, " "))
	cmd := spawn.Command{Args: append(append([]string{"ssh", "-T"}, sshOptions()...), "-L", local+":"+there+"/socket", m.SSH, remoteShell),
		Env: os.Environ(), Stdout: out, Stderr: out}
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
	stop := context.AfterFunc(ctx, func() { _ = write.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err = fmt.Fprintf(write, "%d\n%s%s\n", len(text), text, token); err == nil {
		_, err = io.Copy(write, program)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, syscall.EPIPE): // it has ended, which is waited for
		return nil
	}
	return err
}

// sshOptions are for a connection of its own, whatever the user's configuration has: one that is shared stays when its command
// has ended, and with it the socket and the streams.
func sshOptions() (words []string) {
	for _, option := range []string{"BatchMode=yes", "LogLevel=ERROR", "ControlMaster=no", "ControlPath=none", "RemoteCommand=none", "ExitOnForwardFailure=yes",
		"StreamLocalBindUnlink=yes", "StreamLocalBindMask=0177", "ConnectTimeout=60", "ServerAliveInterval=5", "ServerAliveCountMax=12"} {
		words = append(words, "-o", option)
	}
	return words
}
