//go:build linux

package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pidbox/lib/fault"
	"pidbox/lib/fault/disk"
	"pidbox/lib/proc"
	"pidbox/lib/spawn"
)

// The test binary is also the guard of a pause, and the member.
func TestMain(m *testing.M) {
	if id := os.Getenv(GuardVariable); id != "" {
		if err := Guard(id, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if config := os.Getenv(disk.Variable); config != "" {
		if ServeDisk(config, os.Stdout) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	switch os.Getenv("FAULT_MEMBER") {
	case "":
		os.Exit(m.Run())
	case "dies":
		os.Exit(3)
	case "leaves": // a worker, and dies
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "FAULT_MEMBER=lives")
		if err := cmd.Start(); err != nil {
			os.Exit(4)
		}
		_ = os.WriteFile(os.Getenv("FAULT_WORKER"), []byte(fmt.Sprint(cmd.Process.Pid)), 0o600)
		os.Exit(3)
	}
	fmt.Println("ready")
	time.Sleep(2 * time.Minute)
	os.Exit(0)
}

const patience = 60 * time.Second

// fixture is an agent of a member, spoken to by HTTP.
type fixture struct {
	*testing.T
	*Agent
	server *httptest.Server
	token  string
	lease  string
}

func config(t *testing.T, member string) Config {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/d", 0o755); err != nil {
		t.Fatal(err)
	}
	return Config{PIDFile: dir + "/p", Dir: dir + "/d", Grace: 30 * time.Second, MaxHold: time.Minute, Table: TableName(dir),
		Command: spawn.Command{Args: []string{self}, Env: append(os.Environ(), "FAULT_MEMBER="+member)},
		Guard:   spawn.Command{Path: self, Args: []string{"guard"}, Env: os.Environ()}, Log: t.Logf}
}

func newFixture(t *testing.T, c Config) *fixture {
	t.Helper()
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{T: t, Agent: a}
	f.server = httptest.NewUnstartedServer(nil)
	f.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.Server(f.token).Handler.ServeHTTP(w, r) })
	f.server.Start()
	t.Cleanup(func() {
		f.server.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// ask wants that status of HTTP, and the text in the answer.
func (f *fixture) ask(want int, text, method, path, body string, headers ...string) (s fault.Status) {
	f.Helper()
	r, _ := http.NewRequest(method, f.server.URL+path, strings.NewReader(body))
	if f.lease != "" {
		r.Header.Set(fault.LeaseHeader, f.lease)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	defer answer.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(answer.Body)
	if answer.StatusCode != want || !strings.Contains(b.String(), text) {
		f.Fatalf("%s %s %s: got %d %s, want %d %q", method, path, body, answer.StatusCode, b.String(), want, text)
	}
	if want == 200 {
		if err := json.Unmarshal(b.Bytes(), &s); err != nil {
			f.Fatal(err)
		}
	} else if p := (fault.Problem{}); json.Unmarshal(b.Bytes(), &p) != nil || p.Error == "" {
		f.Fatalf("not an error in JSON: %s", b.String())
	}
	return s
}

func (f *fixture) until(what string, ok func(fault.Status) bool) fault.Status {
	f.Helper()
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		s := f.Status()
		if ok(s) {
			return s
		}
		if time.Since(began) > patience {
			f.Fatalf("waited in vain until %s: %+v", what, s)
		}
	}
}

func is(state fault.State) func(fault.Status) bool {
	return func(s fault.Status) bool { return s.State == state }
}

func TestStates(t *testing.T) {
	f := newFixture(t, config(t, "lives"))
	if s := f.ask(200, "", "GET", "/v1/status", ""); s.State != fault.New || s.PID != 0 || !s.Dir {
		t.Errorf("new: %+v", s)
	}
	for range 2 { // each order twice: the second changes nothing
		if s := f.ask(200, "", "POST", "/v1/start", ""); s.State != fault.Running || s.PID == 0 {
			t.Errorf("start: %+v", s)
		}
	}
	for range 2 {
		if s := f.ask(200, "", "POST", "/v1/pause", `{"hold":"30s"}`); s.State != fault.Paused {
			t.Errorf("pause: %+v", s)
		}
	}
	for range 2 {
		if s := f.ask(200, "", "POST", "/v1/resume", "{}"); s.State != fault.Running {
			t.Errorf("resume: %+v", s)
		}
	}
	for range 2 {
		if s := f.ask(200, "", "POST", "/v1/stop", ""); s.State != fault.Stopped || s.Exit == nil || s.Exit.Signal != "TERM" || s.Unexpected != 0 {
			t.Errorf("stop: %+v", s)
		}
	}
	if _, err := os.Stat(f.PIDFile); err == nil {
		t.Error("the pidfile is still there")
	}
	f.ask(409, "no process", "POST", "/v1/pause", `{"hold":"1s"}`)
	f.ask(409, "no process", "POST", "/v1/resume", "")
	first := f.ask(200, "", "POST", "/v1/start", "").PID
	if s := f.ask(200, "", "POST", "/v1/restart", ""); s.PID == first || s.State != fault.Running {
		t.Errorf("restart: %+v", s)
	}
	f.ask(200, "", "POST", "/v1/pause", `{"hold":"30s"}`) // a kill and a stop end it
	if s := f.ask(200, "", "POST", "/v1/kill", ""); s.State != fault.Stopped || s.Exit.Signal != "KILL" {
		t.Errorf("kill: %+v", s)
	}
}

// What was done for a hold is undone after it.
func TestHolds(t *testing.T) {
	f := newFixture(t, config(t, "lives"))
	for _, order := range []string{"kill", "stop", "wipe"} {
		f.ask(200, "", "POST", "/v1/start", "")
		asked := time.Now() // it may run again by the time that the answer is made
		if s := f.ask(200, "", "POST", "/v1/"+order, `{"hold":"50ms"}`); s.State == fault.Running && s.Since.Before(asked) {
			t.Errorf("%s: %+v", order, s)
		}
		f.until(order+" is over", is(fault.Running))
	}
	began := time.Now()
	f.ask(200, "", "POST", "/v1/pause", `{"hold":0.2}`)
	f.until("the pause is over", is(fault.Running))
	if d := time.Since(began); d < 200*time.Millisecond {
		t.Errorf("paused for 200ms, and for %v", d)
	}
	f.ask(200, "", "POST", "/v1/stop", `{"hold":"1h"}`[:0]+`{"hold":"30s"}`)
	f.ask(200, "", "POST", "/v1/heal", "")
	f.until("healed", is(fault.Running))
}

func TestDiesByItself(t *testing.T) {
	f := newFixture(t, config(t, "dies"))
	f.ask(200, "", "POST", "/v1/start", "")
	s := f.until("it is dead", is(fault.Exited))
	if s.Unexpected != 1 || s.Exit.Code != 3 || s.Exit.String() != "exited with status 3" {
		t.Errorf("%+v", s)
	}
	f.ask(200, "", "POST", "/v1/stop", "")
	if s := f.Status(); s.State != fault.Exited {
		t.Errorf("stopping the dead: %+v", s)
	}
	g := newFixture(t, config(t, "lives"))
	pid := g.ask(200, "", "POST", "/v1/start", "").PID
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if s := g.until("it is dead", is(fault.Exited)); s.Exit.Signal != "KILL" || s.Unexpected != 1 {
		t.Errorf("%+v", s)
	}
}

// What a member that died by itself leaves in its session is not left: it would write into what is wiped, and keep the
// ports from the next.
func TestLeavesNothing(t *testing.T) {
	c := config(t, "leaves")
	file := c.Dir + ".worker"
	c.Command.Env = append(c.Command.Env, "FAULT_WORKER="+file)
	f := newFixture(t, c)
	f.ask(200, "", "POST", "/v1/start", "")
	f.until("it is dead", is(fault.Exited))
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		t.Fatal(err)
	}
	if h, err := proc.Open(pid); err == nil {
		defer h.Close()
		if alive, err := h.Alive(); alive || err != nil {
			t.Errorf("its worker is alive: %v", err)
		}
	}
}

// The guard of a pause is killed: the agent resumes. It is asked to end: it resumes. Its agent dies: it resumes.
func TestGuard(t *testing.T) {
	f := newFixture(t, config(t, "lives"))
	f.ask(200, "", "POST", "/v1/start", "")
	for _, end := range []func(g *guard){
		func(g *guard) { _ = g.child.Handle().Signal(syscall.SIGKILL) },
		func(g *guard) { _ = g.child.Handle().Signal(syscall.SIGTERM) },
		func(g *guard) { g.in.Close() }, // what the end of the agent does
	} {
		f.ask(200, "", "POST", "/v1/pause", `{"hold":"60s"}`)
		f.mu.Lock()
		g := f.member.guard
		f.mu.Unlock()
		end(g)
		f.until("it is resumed", is(fault.Running))
		<-g.done // the agent has resumed it too, and no signal of this pause is still to come
	}
	// somebody else's stop is seen too
	_ = f.member.child.Handle().Signal(syscall.SIGSTOP)
	f.until("it is seen", is(fault.Paused))
	f.ask(200, "", "POST", "/v1/resume", "")
	f.until("it is resumed", is(fault.Running))
	if err := Guard("nonsense", strings.NewReader("1s\n"), os.Stderr); err == nil {
		t.Error("an identity that is none")
	}
}

// The next agent takes the member over, by identity, and resumes it.
func TestTakesOver(t *testing.T) {
	c := config(t, "lives")
	first, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(fault.Order{}); err != nil {
		t.Fatal(err)
	}
	pid := first.Status().PID
	_ = syscall.Kill(pid, syscall.SIGSTOP) // as if agent and guard had been killed
	f := newFixture(t, c)
	s := f.until("it runs", is(fault.Running))
	if s.PID != pid || time.Since(s.Since) > time.Minute {
		t.Errorf("%+v", s)
	}
	if s := f.ask(200, "", "POST", "/v1/stop", ""); s.State != fault.Stopped || s.Exit.Code != -1 && s.Exit.Signal != "TERM" { // the kernel may tell

		t.Errorf("%+v", s)
	}
}

func TestWipeAndArchive(t *testing.T) {
	c := config(t, "lives")
	c.Mine = []string{c.Dir + "/sock"}
	f := newFixture(t, c)
	outside := filepath.Join(filepath.Dir(c.Dir), "precious")
	make := func() {
		t.Helper()
		for name, text := range map[string]string{outside: "1", c.Dir + "/sock": "1", c.Dir + "/data": "1"} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_ = os.MkdirAll(c.Dir+"/sub/sub", 0o755)
		_ = os.Symlink(outside, c.Dir+"/sub/link")
		_ = os.Symlink(filepath.Dir(c.Dir), c.Dir+"/up")
	}
	left := func(want string) {
		t.Helper()
		names, _ := filepath.Glob(c.Dir + "/*")
		for i := range names {
			names[i] = filepath.Base(names[i])
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("in the directory: %s, want %s", got, want)
		}
		if _, err := os.Stat(outside); err != nil {
			t.Errorf("a file outside the directory: %v", err)
		}
	}
	f.ask(200, "", "POST", "/v1/start", "")
	make()
	if s := f.ask(200, "", "POST", "/v1/wipe", ""); s.State != fault.Wiped || s.PID != 0 {
		t.Errorf("%+v", s)
	}
	left("member.log sock")
	readies := func() int {
		log, _ := os.ReadFile(c.Dir + "/member.log")
		return strings.Count(string(log), "ready")
	}
	before := readies() // the first may have been stopped too early for it
	f.ask(200, "", "POST", "/v1/start", "")
	make()
	f.until("it is ready", func(fault.Status) bool { return readies() > before }) // else it prints no stacks
	s := f.ask(200, "", "POST", "/v1/archive", `{"stacks":true}`)
	if s.State != fault.Wiped || !strings.HasSuffix(s.Archive, "-1") {
		t.Errorf("%+v", s)
	}
	left("archive sock")
	for _, name := range []string{"data", "member.log", "sub/link", "up"} {
		if _, err := os.Lstat(filepath.Join(s.Archive, name)); err != nil {
			t.Errorf("archive: %v", err)
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.Archive, "member.log"))
	if !strings.Contains(string(log), "SIGQUIT") {
		t.Errorf("no stacks in the log: %q", log)
	}
	bare := config(t, "lives")
	bare.Dir = ""
	g := newFixture(t, bare)
	g.ask(501, "no directory", "POST", "/v1/wipe", "")
	g.ask(501, "no directory", "POST", "/v1/archive", "")
	g.ask(501, "no directory", "PUT", "/v1/faults/x", `{"kind":"fill","hold":"1s"}`)
}

// However the directory is spelled, what is the agent's own stays.
func TestWipeSparesTheAgent(t *testing.T) {
	for how, spell := range map[string]func(dir string) (name, pidfile string){
		"slash": func(dir string) (string, string) { return dir + "/", dir + "/p" },
		"symlink": func(dir string) (string, string) {
			_ = os.Symlink(dir, dir+".link")
			return dir + ".link", dir + ".link/p"
		},
		"mixed": func(dir string) (string, string) { _ = os.Symlink(dir, dir+".link"); return dir + ".link", dir + "/p" },
		"below": func(dir string) (string, string) { _ = os.Mkdir(dir+"/run", 0o755); return dir, dir + "/run/p" },
	} {
		t.Run(how, func(t *testing.T) {
			c := config(t, "lives")
			dir := c.Dir
			c.Dir, c.PIDFile = spell(dir)
			c.Mine = []string{c.PIDFile + ".sock", "", "/nowhere/at/all"}
			f := newFixture(t, c)
			f.ask(200, "", "POST", "/v1/start", "")
			for _, name := range []string{c.Mine[0], dir + "/data"} {
				if err := os.WriteFile(name, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, order := range []string{"wipe", "archive"} {
				f.ask(200, "", "POST", "/v1/"+order, "")
				if _, err := os.Stat(c.Mine[0]); err != nil {
					t.Errorf("%s: %v", order, err)
				}
				if _, err := os.Stat(dir + "/data"); err == nil {
					t.Errorf("%s: the member's data is still there", order)
				}
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	f := newFixture(t, config(t, "lives"))
	f.ask(400, "unknown field", "POST", "/v1/start", `{"argv":["sh"]}`)
	f.ask(400, "takes no hold", "POST", "/v1/start", `{"hold":"1s"}`)
	f.ask(400, "above the longest of 1m0s", "POST", "/v1/stop", `{"hold":"61s"}`)
	f.ask(400, "a hold is needed", "POST", "/v1/pause", "")
	f.ask(400, "negative", "POST", "/v1/pause", `{"hold":"-1s"}`)
	f.ask(400, "takes no hold", "POST", "/v1/archive", `{"hold":"1s"}`)
	f.ask(400, "takes no stacks", "POST", "/v1/stop", `{"stacks":true}`)
	f.ask(400, "takes no stacks", "POST", "/v1/pause", `{"hold":"1s","stacks":true}`)
	f.ask(400, "takes no stacks", "POST", "/v1/heal", `{"stacks":true}`)
	f.ask(400, "body", "POST", "/v1/stop", "{")
	f.ask(400, "more than one value", "POST", "/v1/stop", "{}{}")
	f.ask(400, "hold is needed", "PUT", "/v1/faults/x", `{"kind":"drop","peers":["10.0.0.1"]}`)
	f.ask(400, "not a network fault", "PUT", "/v1/faults/x", `{"kind":"explode","hold":"1s"}`)
	f.ask(400, "not an IP address", "PUT", "/v1/faults/x", `{"kind":"drop","peers":["m1; rm"],"hold":"1s"}`)
	f.ask(400, "is not 1 to 32", "PUT", "/v1/faults/X..", `{"kind":"drop","peers":["10.0.0.1"],"hold":"1s"}`)
	f.ask(413, "more than 65536 bytes", "POST", "/v1/stop", `{"hold":"`+strings.Repeat(" ", 100<<10))
	f.ask(404, "not found", "GET", "/v2/status", "")
	f.ask(405, "method not allowed", "GET", "/v1/start", "")
	f.ask(403, "browsers", "POST", "/v1/stop", "", "Origin: http://evil.example")
	f.ask(200, "", "DELETE", "/v1/faults/none", "")
	f.token = "correct horse"
	f.ask(401, "token", "GET", "/v1/status", "")
	f.ask(401, "token", "GET", "/v1/status", "", "Authorization: Bearer wrong")
	f.ask(200, "", "GET", "/v1/status", "", "Authorization: Bearer correct horse")
}

func TestCommandIsMissing(t *testing.T) {
	c := config(t, "lives")
	c.Command.Args = []string{"/does/not/exist"}
	f := newFixture(t, c)
	f.ask(409, "/does/not/exist", "POST", "/v1/start", "")
	if _, err := os.Stat(c.PIDFile); err == nil {
		t.Error("a pidfile was left")
	}
}

func TestLease(t *testing.T) {
	f := newFixture(t, config(t, "lives"))
	f.ask(400, "a lease needs", "PUT", "/v1/lease", `{"id":"","ttl":"1s"}`)
	f.ask(200, "", "PUT", "/v1/lease", `{"id":"one","owner":"the first","ttl":"30s"}`)
	f.ask(409, "leased to the first", "PUT", "/v1/lease", `{"id":"two","owner":"x","ttl":"30s"}`)
	f.ask(409, "leased to the first", "POST", "/v1/start", "")
	f.ask(409, "leased to the first", "DELETE", "/v1/lease", "")
	f.lease = "one"
	f.ask(200, "", "POST", "/v1/start", "")
	f.ask(200, "", "POST", "/v1/pause", `{"hold":"60s"}`)
	f.ask(200, "", "PUT", "/v1/lease", `{"id":"one","owner":"the first","ttl":"200ms"}`)
	s := f.until("the lease has run out, and all is healed", func(s fault.Status) bool { return s.Lease == "" && s.State == fault.Running })
	if s.State != fault.Running {
		t.Errorf("%+v", s)
	}
	f.lease = ""
	f.ask(200, "", "PUT", "/v1/lease", `{"id":"two","owner":"x","ttl":"30s"}`)
	f.lease = "two"
	f.ask(200, "", "DELETE", "/v1/lease", "")
	if s := f.Status(); s.Lease != "" {
		t.Errorf("%+v", s)
	}
}

func TestAddress(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", "long enough\nmore", 0o600)
	for _, c := range []struct {
		a    Address
		want string
	}{
		{Address{Listen: "0.0.0.0:0"}, "any user who reaches 0.0.0.0:0"},
		{Address{Listen: ":0"}, "any user who reaches :0"},
		{Address{Listen: "0.0.0.0:0", TokenFile: write("open", "long enough", 0o644)}, "can be read by others (owner "},
		{Address{Listen: "0.0.0.0:0", TokenFile: write("short", "short", 0o600)}, "shorter than 8"},
		{Address{Listen: "nonsense"}, "neither unix:PATH nor HOST:PORT"},
		{Address{Listen: "unix:"}, "names no path"},
		{Address{Listen: "unix:@fault"}, "abstract socket"},
		{Address{Listen: "127.0.0.1:0", Cert: "x"}, "go together"},
		{Address{Listen: "127.0.0.1:0", ClientCA: "x"}, "own certificate"},
		{Address{Listen: "127.0.0.1:0"}, ""},
		{Address{Listen: "0.0.0.0:0", TokenFile: good}, ""},
	} {
		l, token, err := c.a.Open()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c.a, err)
		}
		if err == nil {
			if c.a.TokenFile != "" && token != "long enough" {
				t.Errorf("token %q", token)
			}
			if PortOf(l) == 0 {
				t.Error("no port")
			}
			l.Close()
		}
	}
	if os.Geteuid() == 0 {
		foreign := write("foreign", "long enough", 0o600)
		if err := os.Chown(foreign, 65534, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := fault.ReadToken(foreign); err == nil || !strings.Contains(err.Error(), "who can read it") {
			t.Errorf("a token of another user: %v", err)
		}
	}
	socket := Address{Listen: "unix:" + dir + "/s"}
	l, _, err := socket.Open()
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(dir + "/s"); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, _, err := socket.Open(); err == nil || !strings.Contains(err.Error(), "another process is listening on") {
		t.Errorf("a second agent: %v", err)
	}
	l.Close()
	if _, _, err := (Address{Listen: "unix:" + write("file", "", 0o600)}).Open(); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("in place of a file: %v", err)
	}
	stale, _ := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	_ = syscall.Bind(stale, &syscall.SockaddrUnix{Name: dir + "/s"})
	syscall.Close(stale) // what a killed agent leaves
	// of many that find it one gets it
	won := make(chan net.Listener, 20)
	var wait sync.WaitGroup
	for range cap(won) {
		wait.Go(func() {
			l, _, err := socket.Open()
			taken := (*TakenError)(nil)
			switch {
			case err == nil:
				won <- l
			case !errors.As(err, &taken):
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if len(won) != 1 {
		t.Errorf("%d agents listen on one socket", len(won))
	}
	for range len(won) {
		(<-won).Close()
	}
}

// A FIFO in the place of the log, which the member's user can make, holds nobody up.
func TestLogIsNoFIFO(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, logName), 0o666); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	answer := httptest.NewRecorder()
	(&Agent{root: root}).sendLog(answer, httptest.NewRequest("GET", "/v1/log?from=0", nil))
	if answer.Code != 501 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}
