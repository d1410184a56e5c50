//go:build linux

package testscripts

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pidbox/lib/fault/history"
)

// toystore -me N -of 3 -dir D [-bug B]: a member of a replicated store of registers, which keeps its promise: a read or a
// write asks a majority for the newest version, and writes it, or the next one, to a majority, each of which has it on
// disk before it answers (after Attiya, Bar-Noy and Dolev). With a bug it breaks it:
//
//	early    says yes to a write before any other member has it
//	forgets  keeps nothing on disk
//	rejoins  begins without its data after each start, but says that it has all
//	stale    reads what it has itself, and misses a write now and then
//	flaps    once another was down the second member is healthy each second time that it is asked
//	corrupt  gives a value back that is not quite what was written, now and then
//	double   does a write once more, later
//	overlap  says yes to writes that it has given to nobody, when both others are down: two faults together
//
// What a member was to write while it was alone is noted in the file alone.
func toystore() {
	s := &toy{data: map[string]version{}}
	flag.IntVar(&s.me, "me", 1, "")
	flag.IntVar(&s.of, "of", 3, "")
	flag.StringVar(&s.dir, "dir", ".", "")
	flag.StringVar(&s.bug, "bug", "", "")
	flag.Parse()
	s.limit = 400 * time.Millisecond
	if s.bug == "overlap" { // one that is slow is not down
		s.limit = 5 * time.Second
	}
	s.open()
	socket := s.socket(s.me)
	_ = os.Remove(socket)
	l, err := net.Listen("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.AfterFunc(lifetime, func() { os.Exit(0) })
	mux := http.NewServeMux()
	mux.HandleFunc("/health", s.health)
	mux.HandleFunc("/local", s.local)
	mux.HandleFunc("/get", s.get)
	mux.HandleFunc("/put", s.put)
	_ = http.Serve(l, mux)
}

type version struct {
	N     int // with the writing process in the last digits, so that no two writes have the same
	Value string
}

type toy struct {
	me, of   int
	dir, bug string
	asked    int  // for its health
	missed   bool // another was down
	mu       sync.Mutex
	data     map[string]version
	file     *os.File
	last     int
	limit    time.Duration // for another to answer
}

func (s *toy) socket(member int) string {
	return filepath.Join(s.dir, fmt.Sprintf("kv%d.sock", member))
}

func (s *toy) open() {
	name := filepath.Join(s.dir, fmt.Sprintf("kv%d.log", s.me))
	if s.bug == "rejoins" || s.bug == "forgets" {
		_ = os.Remove(name)
	}
	if b, err := os.ReadFile(name); err == nil {
		for line := range strings.Lines(string(b)) {
			var one map[string]version
			if json.Unmarshal([]byte(line), &one) != nil { // it was cut, and nobody was told yes
				continue
			}
			for k, v := range one {
				s.data[k] = v
			}
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(f) // ends what was cut
	s.file = f
}

func (s *toy) health(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked++; s.bug == "flaps" && s.me == 2 && s.missed && s.asked%2 != 0 {
		w.WriteHeader(503)
	}
}

// keep takes a version that is newer.
func (s *toy) keep(key string, v version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.N <= s.data[key].N {
		return nil
	}
	if s.bug != "forgets" {
		b, _ := json.Marshal(map[string]version{key: v})
		if _, err := s.file.Write(append(b, '\n')); err != nil {
			return err
		}
	}
	s.data[key] = v
	return nil
}

func (s *toy) have(key string) version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data[key]
}

// local is what the others ask for: what this one has, after it has taken what it is given.
func (s *toy) local(w http.ResponseWriter, r *http.Request) {
	key := r.FormValue("key")
	if n, _ := strconv.Atoi(r.FormValue("n")); n > 0 {
		if s.bug == "stale" && rand.IntN(20) == 0 { // the others are enough for it
			w.WriteHeader(500)
			return
		}
		if err := s.keep(key, version{n, r.FormValue("value")}); err != nil {
			w.WriteHeader(500)
			return
		}
	}
	_ = json.NewEncoder(w).Encode(s.have(key))
}

// all asks every member, and returns the answers once so many have come, or none more will.
func (s *toy) all(key string, v version, want int) (answers []version) {
	c := make(chan *version, s.of)
	for m := 1; m <= s.of; m++ {
		go func() {
			text, err := ask(s.limit, s.socket(m), fmt.Sprintf("/local?key=%s&n=%d&value=%s", key, v.N, v.Value))
			var got version
			if err == nil {
				err = json.Unmarshal([]byte(text), &got)
			}
			if err != nil {
				s.mu.Lock()
				s.missed = true
				s.mu.Unlock()
				c <- nil
				return
			}
			c <- &got
		}()
	}
	for range s.of {
		if got := <-c; got != nil {
			if answers = append(answers, *got); len(answers) >= want {
				break
			}
		}
	}
	return answers
}

func (s *toy) newest(key string) (v version, enough bool) {
	answers := s.all(key, version{}, s.of/2+1)
	for _, a := range answers {
		if a.N > v.N {
			v = a
		}
	}
	return v, len(answers) > s.of/2
}

func (s *toy) get(w http.ResponseWriter, r *http.Request) {
	key := r.FormValue("key")
	v, enough := s.newest(key)
	if s.bug == "stale" || s.bug == "early" {
		v, enough = s.have(key), true
	} else if enough && v.N > 0 {
		enough = len(s.all(key, v, s.of/2+1)) > s.of/2 // or the next reader might not see it
	}
	if !enough {
		w.WriteHeader(503)
		return
	}
	if s.bug == "corrupt" && v.N > 0 && rand.IntN(20) == 0 {
		v.Value += "7"
	}
	fmt.Fprint(w, v.Value)
}

// next is a version after v, and after all that this process has made.
func (s *toy) next(v version, value string) version {
	const processes = 100_000_000
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, v.N/processes) + 1
	return version{s.last*processes + os.Getpid()%(processes/10)*10 + s.me, value}
}

func (s *toy) put(w http.ResponseWriter, r *http.Request) {
	key, value := r.FormValue("key"), r.FormValue("value")
	v, enough := s.newest(key)
	next := s.next(v, value)
	if !enough {
		s.noteAlone(key, value)
	}
	switch {
	case s.bug == "early":
		_ = s.keep(key, next)
		time.AfterFunc(100*time.Millisecond, func() { s.all(key, next, s.of) })
		return
	case s.bug == "overlap" && !enough:
		return
	case !enough:
		w.WriteHeader(503)
		return
	}
	if s.bug == "double" && rand.IntN(4) == 0 {
		time.AfterFunc(200*time.Millisecond, func() {
			v, _ := s.newest(key)
			s.all(key, s.next(v, value), s.of)
		})
	}
	if len(s.all(key, next, s.of/2+1)) <= s.of/2 {
		w.WriteHeader(503)
	}
}

func (s *toy) noteAlone(key, value string) {
	f, err := os.OpenFile(filepath.Join(s.dir, "alone"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		fmt.Fprintf(f, "%s %s\n", key, value)
		f.Close()
	}
}

func ask(limit time.Duration, socket, path string) (string, error) {
	client := http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
	r, err := client.Get("http://toy" + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != 200 {
		err = fmt.Errorf("status %d", r.StatusCode)
	}
	return string(b), err
}

// toyload -of 3 -dir D [-clients N] [-keys N] [-own]: reads and writes, and prints the history. Keys begin with $FAULT_RUN,
// $FAULT_CASE and $FAULT_ROUND. With -own each client has keys of its own, and does not write one again that it has not read since.
//
// With -seen answered or read it says whether a write that met a member alone was answered, and whether its key was read after
// that, by the history in $FAULT_DIR.
func toyload() {
	of := flag.Int("of", 3, "")
	dir := flag.String("dir", ".", "")
	clients := flag.Int("clients", 5, "")
	keys := flag.Int("keys", 5, "")
	own := flag.Bool("own", false, "")
	seen := flag.String("seen", "", "")
	flag.Parse()
	time.AfterFunc(lifetime, func() { os.Exit(0) })
	if *seen != "" {
		os.Exit(toySeen(*dir, *seen == "read"))
	}
	s := &toy{dir: *dir}
	limit := 1500 * time.Millisecond
	if *own {
		limit = 15 * time.Second
	}
	log := history.NewLog(os.Stdout, *clients)
	for mine := range *clients {
		c := &toyClient{toy: s, log: log, limit: limit, process: int64(mine)}
		space := fmt.Sprintf("%s-%s-%s-", os.Getenv("FAULT_RUN"), os.Getenv("FAULT_CASE"), os.Getenv("FAULT_ROUND"))
		go func() {
			for n := 0; ; time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) {
				key, reads := fmt.Sprint(space, rand.IntN(*keys)), rand.IntN(2) == 0
				switch {
				case !*own:
				case reads && len(c.unread) > 0:
					key = c.unread[rand.IntN(len(c.unread))]
				case len(c.written) > 0 && rand.IntN(4) == 0:
					key, reads = c.written[rand.IntN(len(c.written))], true
				default:
					if key, reads = fmt.Sprint(space, mine), false; slices.Contains(c.unread, key) {
						n++ // what cannot be read now must not keep it from writing
						key = fmt.Sprint(key, "-", n)
					}
				}
				socket := s.socket(1 + rand.IntN(*of))
				if reads {
					c.read(socket, key)
				} else {
					c.write(socket, key)
				}
			}
		}()
	}
	select {}
}

// toyClient does one operation after the other, and knows which keys it has written and not read since.
type toyClient struct {
	*toy
	log     *history.Log
	limit   time.Duration
	process int64
	unread  []string
	written []string
}

func (c *toyClient) read(socket, key string) {
	c.log.Print(history.Invoke, c.process, "read", key, nil)
	got, err := ask(c.limit, socket, "/get?key="+key)
	if err != nil {
		c.log.Print(history.Fail, c.process, "read", key, nil)
		return
	}
	var value any
	if got != "" {
		value = got
	}
	c.log.Print(history.OK, c.process, "read", key, value)
	c.unread = slices.DeleteFunc(c.unread, func(k string) bool { return k == key })
}

func (c *toyClient) write(socket, key string) {
	v := c.log.Value()
	c.log.Print(history.Invoke, c.process, "write", key, v)
	_, err := ask(c.limit, socket, "/put?key="+key+"&value="+v)
	if err != nil {
		c.log.Print(history.Info, c.process, "write", key, v)
		c.process = c.log.Process()
	} else {
		c.log.Print(history.OK, c.process, "write", key, v)
		if !slices.Contains(c.written, key) {
			c.written = append(c.written, key)
		}
	}
	if !slices.Contains(c.unread, key) { // it may have been written
		c.unread = append(c.unread, key)
	}
}

func toySeen(dir string, read bool) (status int) {
	alone, err := os.ReadFile(filepath.Join(dir, "alone"))
	printed, failed := os.ReadFile(filepath.Join(os.Getenv("FAULT_DIR"), "load-1.out"))
	if err != nil || failed != nil {
		return 1
	}
	var writes []string // of this case, and answered
	for line := range strings.Lines(string(printed)) {
		var e struct{ Type, F, Key, Value string }
		if json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		if e.F == "write" && e.Type != "invoke" && strings.Contains(string(alone), e.Key+" "+e.Value+"\n") {
			writes = append(writes, e.Key)
		}
		if len(writes) > 0 && (!read || e.F == "read" && e.Type == "ok" && slices.Contains(writes, e.Key)) {
			return 0
		}
	}
	return 1
}
