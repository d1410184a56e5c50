package plan

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const members = `members:
- {name: m1, agent: "unix:/run/m1", addresses: [10.0.0.1], health: "tcp://10.0.0.1:1"}
- {name: m2, agent: "10.0.0.2:9", addresses: [10.0.0.2], health: {exec: "true"}}
- {name: m3, agent: "https://10.0.0.3:9", addresses: [10.0.0.3, "fd00::3"], health: "http://10.0.0.3/health"}
`

// bomb is some hundred bytes that would be a million lists.
const bomb = "x-a: &a [1,1,1,1,1,1,1,1,1,1]\nx-b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nx-c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
	"x-d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\nx-e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nload: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"

// Pieces stand under keys that begin with x-, are named, and are merged under what is given beside them.
func TestPieces(t *testing.T) {
	p := parse(t, "\ufeffx-member: &member {health: 'tcp://10.0.0.1:1', agent: 'unix:/run/x'}\nx-kill: &kill {fault: kill, hold: 3s, on: one}\n"+
		"members:\n- {<<: *member, name: m1}\n- {name: m2, <<: *member, agent: 'unix:/run/y'}\n"+
		"cases:\n- {<<: *kill, name: a}\n- {<<: [*kill], name: b, hold: 4s}\n")
	if p.Members[1].Agent != "unix:/run/y" || p.Members[1].Health.URL == "" || p.HoldOf(p.Cases[1]) != 4*time.Second || p.Cases[0].Fault != Kill {
		t.Errorf("%+v", p)
	}
}

func parse(t *testing.T, text string) *Plan {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	p := parse(t, members+`
leader: [etcdctl, leader]
load: ["while :; do :; done"]
check: {exec: [hash], tries: 3}
cases:
- {name: a, fault: kill, on: leader, hold: 500ms}
- {fault: isolate, on: [m1, m3], recover: 5}
- {fault: slow, on: all, delay: 100ms}
- {fault: rate, on: one, rate: 64KiB}
- {fault: stop, on: one, until: {exec: "true"}}
- {fault: partition, shape: bridge}
- {fault: none}
`)
	if got, want := p.Load.List[0].Exec, (Command{"sh", "-c", "while :; do :; done"}); !reflect.DeepEqual(got, want) {
		t.Errorf("load %q", got)
	}
	var names []string
	for _, c := range p.Cases {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "a isolate-m1-m3 slow-all rate-one stop-one partition-bridge none" {
		t.Errorf("names %s", got)
	}
	if p.HoldOf(p.Cases[0]) != 500*time.Millisecond || p.HoldOf(p.Cases[1]) != 5*time.Second || p.HoldOf(p.Cases[4]) != time.Minute {
		t.Error("holds")
	}
	if p.RecoverOf(p.Cases[1]) != 5*time.Second || p.RecoverOf(p.Cases[0]) != time.Minute || p.Cases[3].Rate != 65536 {
		t.Error("recover or rate")
	}
	if m := p.Member("fd00:0::3"); m == nil || m.Name != "m3" {
		t.Error("a member is found by its address")
	}
}

// What a case does not say about its availability is half of its hold.
func TestLimit(t *testing.T) {
	p := parse(t, members+"load: echo ok\ncases: [{fault: kill, on: one, during: available, hold: 4s}, {fault: kill, on: m2, during: available, hold: 4s, limit: 1s}]\n")
	if a, b := p.LimitOf(p.Cases[0]), p.LimitOf(p.Cases[1]); a != 2*time.Second || b != time.Second {
		t.Errorf("%v, %v", a, b)
	}
}

func TestFlaws(t *testing.T) {
	one := "cases:\n- {name: a, fault: kill, on: one}\n"
	for _, c := range []struct{ text, want string }{
		{"", "1:1: no members"},
		{"members: []", "1:1: no members"},
		{members, "1:1: no cases"},
		{members + one + "bogus: 1\n", `7:1: unknown field "bogus"`},
		{members + "cases:\n- {name: a, fault: kill, onn: one}\n", `6:26: unknown field "onn"`},
		{members + "- {name: m1, agent: x:1, health: tcp://a:1}\n" + one, "5:10: two members are called m1"},
		{members + "- {name: m4, agent: 10.0.0.2:9, health: tcp://a:1}\n" + one, "5:21: agent 10.0.0.2:9 is another member's"},
		{members + "- {name: m4, agent: nohost, health: tcp://a:1}\n" + one, `5:21: agent "nohost" is not`},
		{members + "- {name: m4, agent: a:1, addresses: [10.0.0.1], health: tcp://a:1}\n" + one, "5:38: address 10.0.0.1 is also of m1"},
		{members + "- {name: m4, agent: a:1, addresses: [m4], health: tcp://a:1}\n" + one, `5:38: "m4" is not an IP address`},
		{members + "- {name: m4, agent: \"http://10.0.0.2:9/\", health: tcp://a:1}\n" + one, "5:21: agent http://10.0.0.2:9/ is another member's"},
		{members + "- {name: m4, agent: \"unix:/run/../run/m1\", health: tcp://a:1}\n" + one, "5:21: agent unix:/run/../run/m1 is another member's"},
		{members + "- {name: m4, agent: \"unix:@m4\", health: tcp://a:1}\n" + one, `5:21: agent "unix:@m4" names no socket`},
		{members + "- {name: m4, agent: a:1, addresses: ['fe80::1%eth0'], health: tcp://a:1}\n" + one, `5:38: "fe80::1%eth0" is not an IP address`},
		{members + "- {name: all, agent: a:1, health: tcp://a:1}\n" + one, `5:10: name "all" means a choice`},
		{members + "- {name: m4, agent: a:1}\n" + one, "member m4 has no health"},
		{members + "- {name: m4, agent: a:1, health: gopher://x}\n" + one, "5:34: "},
		{members + one + "- {name: a, fault: stop, on: one}\n", "two cases are called a"},
		{members + "cases:\n- {fault: explode, on: one}\n", `6:11: case explode-one: unknown fault "explode"`},
		{members + "cases:\n- {fault: kill, on: leader}\n", "6:21: case kill-leader: leader cannot be chosen without a leader command"},
		{members + "cases:\n- {fault: kill}\n", "'on' is required for kill"},
		{members + "cases:\n- {fault: kill, on: m9}\n", "6:21: case kill-m9: no member is called m9"},
		{members + "cases:\n- {fault: kill, on: one, hold: -1s}\n", "negative"},
		{members + "cases:\n- {fault: kill, on: one, hold: soon}\n", `"soon" is not a duration`},
		{members + "cases:\n- {fault: kill, on: one, hold: 1s, until: {exec: 'true'}}\n", "hold cannot be combined with until"},
		{members + "cases:\n- {fault: partition, shape: ring}\n", "6:29: case partition-ring: a ring needs at least 4 members, and the plan has 3"},
		{members + "cases:\n- {fault: partition, shape: star}\n", `shape "star" is not`},
		{members + "cases:\n- {fault: partition, shape: halves, on: one}\n", "'on' is not allowed with partition"},
		{members + "cases:\n- {fault: loss, on: one}\n", "loss of 0 percent"},
		{members + "cases:\n- {fault: slow, on: one}\n", "delay of 0s"},
		{members + "cases:\n- {fault: rate, on: one, rate: fast}\n", `"fast" is not a number of bytes`},
		{members + "cases:\n- {fault: kill, on: one, recover: 0}\n", "6:35: recover must be greater than zero"},
		{members + "cases:\n- {name: \"a\\nb\", fault: kill, on: one}\n", `6:10: name "a\nb" holds a control character`},
		{members + "cases:\n- {fault: isolate, on: one, percent: 50}\n", "6:38: case isolate-one: percent is only for fault loss"},
		{members + "cases:\n- {fault: kill, on: one, direction: in}\n", "6:37: case kill-one: direction is of network faults"},
		{members + "cases:\n- {fault: slow, on: one, delay: 1s, leave: 1}\n", "case slow-one: leave is only for fault fill"},
		{members + "cases:\n- {fault: exec}\n", "fault exec has no inject"},
		{members + "check: {tries: 2}\n" + one, "check has neither exec nor model"},
		{members + "load: ['']\n" + one, "an empty command"},
		{members + "cases:\n- {name: a, fault: kill, on: one,\n   hold: 3 seconds}\n", `7:10: "3 seconds" is not a duration`},
		{members + "cases:\n- {name: a, fault: kill, on: one}\nload:\n- ''\n", "8:3: an empty command"},
		{members + "cases:\n- {name: a, fault: rate, on: one,\n   rate: fast}\n", `7:10: "fast" is not a number of bytes`},
		{members + "cases:\n- {name: a, fault: kill, on: {x: 1}}\n", "6:31: on must be one,"},
		{members + "cases: [{fault: kill, on: [m1, m1]}]\n", "m1 is listed twice"},
		{members + "check: {model: tree}\n" + one, `5:16: unknown model "tree"`},
		{members + "defaults: {min_ok: -1}\n" + one, "5:20: min_ok must not be negative"},
		{members + "cases:\n- {fault: kill, on: one, during: available}\n", "6:34: case kill-one: during needs a load"},
		{members + "load: [{kv: {put: 'true'}}]\n" + one, "kv needs put and get"},
		{members + "load: [{exec: 'true', kv: {put: 'true', get: 'true'}}]\n" + one, "5:9: a load has exec or kv"},
		{members + "load: true\n" + one, "load must be false or a list of commands"},
		{members + one + "rounds: many\n", "7:9: "},
		{members + "defaults: {hold: 0s}\n" + one, "5:18: hold must be greater than zero"},
		{members + "defaults: {recover: 0s}\n" + one, "5:21: recover must be greater than zero"},
		{members + "defaults: {timeout: 0}\n" + one, "5:21: timeout must be greater than zero"},
		{members + "rounds: 0\n" + one, "5:9: rounds must be greater than zero"},
		{members + "rounds: -1\n" + one, "5:9: rounds must be greater than zero"},
		{members + "rounds: 1.5\n" + one, "5:9: a number where a whole number is expected"},
		{members + "check: {exec: 'true', tries: 0}\n" + one, "5:30: tries must be greater than zero"},
		{members + "check: {exec: 'true', tries: -1}\n" + one, "5:30: tries must be greater than zero"},
		{members + "check: {exec: 'true', pause: 0s}\n" + one, "5:30: pause must be greater than zero"},
		{members + "check: {exec: 'true', timeout: 0}\n" + one, "5:32: timeout must be greater than zero"},
		{members + "cases: [{fault: kill, on: one, until: {exec: 'true', timeout: 0}}]\n", "timeout must be greater than zero"},
		{members + "kv: {put: 'true', get: 'true', rate: 0}\n" + one, "5:38: rate must be greater than zero"},
		{members + "kv: {put: 'true', get: 'true', clients: 0}\n" + one, "5:41: clients must be greater than zero"},
		{members + "kv: {put: 'true', get: 'true', keys: 0}\n" + one, "5:38: keys must be greater than zero"},
		{members + "kv: {put: 'true', get: 'true', timeout: 0s}\n" + one, "5:41: timeout must be greater than zero"},
		{members + "seed: -1\n" + one, "5:7: -1 is out of range"},
		{members + "defaults: 5\n" + one, "5:11: a whole number where an object with fields is expected"},
		{members + "shuffle: perhaps\n" + one, "5:10: a text where true or false is expected"},
		{members + "cases: [kill]\n", "5:9: a text where an object with fields is expected"},
		{members + "check: {model: register}\n" + one, "5:16: model register needs a load that prints a history"},
		{members + "check: {model: register}\nload: echo ok\ncases: [{fault: kill, on: one, load: false}]\n", "5:16: model register needs a load"},
		{members + "load: echo ok\ncases: [{fault: kill, on: one, load: false, check: {model: set}}]\n", "model set needs a load of the case"},
		{members + "- {name: m4, agent: a:1, health: {url: 'http://a:1', exec: 'true'}}\n" + one, "health must be a URL, or have one of url and exec"},
		{members + "- {name: m4, agent: a:1, health: {headers: ['A: b']}}\n" + one, "health must be a URL, or have one of url and exec"},
		{members + "- {name: m4, agent: a:1, health: {exec: 'true', auth: a:b}}\n" + one, "exec cannot be combined with the other fields of health"},
		{members + "- {name: m4, agent: a:1, health: {url: 'tcp://a:1', headers: ['A: b']}}\n" + one, "headers is not for tcp://a:1, but for http, https"},
		{members + "- {name: m4, agent: a:1, health: {url: 'http://a:1', ca: x}}\n" + one, "ca is not for http://a:1, but for https"},
		{members + "- {name: m4, agent: a:1, health: {url: 'http://a:1', expect: x}}\n" + one, "expect is not for http://a:1, but for tcp"},
		{members + "- {name: m4, agent: a:1, health: {url: 'https://a:1', key: x}}\n" + one, "key needs cert"},
		{members + "- {name: m4, agent: a:1, health: {url: 'tcp://a:1', send: x}}\n" + one, "send needs expect"},
		{members + "- {name: m4, agent: a:1, health: {url: 'https://a:1', ca: /nothing/there}}\n" + one, "/nothing/there"},
		{members + "- {name: m4, agent: a:1, health: {url: 'http://a:1', status: 2xx}}\n" + one, "2xx"},
		{members + "- {name: m4, agent: a:1, health: {url: 'http://a:1', body_match: '('}}\n" + one, "is not a regular expression"},
		{members + "- {name: m4, agent: a:1, health: {url: 'http://a:1', body: x}}\n" + one, "5:54: unknown field \"body\""},
		{members + "cases:\n- {fault: slow, on: one, delay: 5s..4s}\n", "6:33: 5s..4s is the other way round"},
		{members + "cases:\n- {fault: slow, on: one, delay: 5s..}\n", "6:33: "},
		{members + "cases:\n- {fault: kill, on: m1, also: [{fault: burn, on: m2}]}\n", "also takes one of kill, stop,"},
		{members + "cases:\n- {fault: kill, on: m1, also: [{fault: none}]}\n", "also takes one of"},
		{members + "cases:\n- {fault: kill, on: m1, also: [{fault: kill}]}\n", "'on' is required for kill"},
		{members + "cases:\n- {fault: kill, on: m1, also: [{fault: kill, on: m9}]}\n", "no member is called m9"},
		{members + "cases:\n- {fault: kill, on: m1, also: [{fault: kill, on: m2, at: -1s}]}\n", "negative"},
		{members + "cases:\n- {fault: kill, on: m1, also: [{fault: kill, on: m2, load: false}]}\n", "load is of a case, not of a fault in also"},
		{members + "cases:\n- {fault: kill, on: m1, also: [{fault: kill, on: m2, also: [{fault: kill, on: m3}]}]}\n", "also is of a case, not of a fault in also"},
		{members + "cases:\n- {fault: kill, on: m1, also: [{fault: slow, on: m2}]}\n", "delay of 0s"},
		{members + "cases:\n- {fault: kill, on: m1, check: {tries: 2}}\n", "check has neither exec nor model"},
		{"a: &a [*a]\n", "1:9: no anchor is called a"},
		{bomb, "the aliases make this plan too large"},
		{members + "cases: !!x []\n", "5:8: tags such as !!x are not supported"},
		{members + one + "---\n" + members, "8:"},
		{"members: [\n", "1:"},
		{"a: 1\na: 2\n", "2:1: "},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", strings.TrimPrefix(c.text, members), err, c.want)
			continue
		}
		var line, column int
		if n, _ := fmt.Sscanf(err.Error(), "%d:%d: ", &line, &column); n != 2 || strings.Contains(err.Error(), "\n") {
			t.Errorf("not line:column: text on one line: %q", err)
		}
	}
}

func TestDraw(t *testing.T) {
	p := parse(t, members+"leader: l\ncases: [{fault: none}]\n")
	draw := func(on string, round int) []string {
		t.Helper()
		names, err := p.Draw(Case{Name: on, On: ParseOn(on)}, round, "m2")
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	seen := map[string]bool{}
	for round := range 50 {
		for on, size := range map[string]int{One: 1, Follower: 1, Leader: 1, Minority: 1, Majority: 2, All: 3, "m3,m1": 2} {
			names := draw(on, round)
			if len(names) != size || !slices.Equal(names, draw(on, round)) {
				t.Fatalf("%s: %v", on, names)
			}
			if on == Follower && names[0] == "m2" || on == Leader && names[0] != "m2" {
				t.Fatalf("%s: %v", on, names)
			}
			seen[on+names[0]] = true
		}
	}
	for _, want := range []string{"onem1", "onem2", "onem3", "followerm1", "followerm3"} {
		if !seen[want] {
			t.Errorf("never drawn: %s", want)
		}
	}
	if _, err := p.Draw(Case{On: ParseOn(Leader)}, 1, "stranger"); err == nil {
		t.Error("a leader that is no member was drawn")
	}
	other := *p
	other.Seed = 7
	same := true
	for round := range 20 {
		a, _ := other.Draw(Case{Name: One, On: ParseOn(One)}, round, "")
		same = same && slices.Equal(a, draw(One, round))
	}
	if same {
		t.Error("the seed changes nothing")
	}
	p.Shuffle = true
	if order := p.Order(4, 1); len(order) != 4 || !slices.Equal(order, p.Order(4, 1)) {
		t.Errorf("order %v", order)
	}
}

func TestSides(t *testing.T) {
	for _, c := range []struct {
		shape  string
		n      int
		unseen []int // how many each does not see, sorted
	}{
		{Halves, 2, []int{1, 1}},
		{Halves, 3, []int{1, 1, 2}},
		{Halves, 5, []int{2, 2, 2, 3, 3}},
		{Ring, 4, []int{1, 1, 1, 1}},
		{Ring, 6, []int{3, 3, 3, 3, 3, 3}},
		{Bridge, 3, []int{0, 1, 1}},
		{Bridge, 5, []int{0, 2, 2, 2, 2}},
	} {
		p := &Plan{}
		for i := range c.n {
			p.Members = append(p.Members, Member{Name: fmt.Sprint("m", i)})
		}
		for round := range 10 {
			sides, err := p.Sides(Case{Shape: c.shape}, round)
			if err != nil {
				t.Fatal(err)
			}
			var counts []int
			for _, m := range p.Members {
				counts = append(counts, len(sides[m.Name]))
				for _, other := range sides[m.Name] {
					if !slices.Contains(sides[other], m.Name) {
						t.Errorf("%s of %d: %s does not see %s, which sees it", c.shape, c.n, m.Name, other)
					}
				}
			}
			if slices.Sort(counts); !slices.Equal(counts, c.unseen) {
				t.Errorf("%s of %d: %v, want %v", c.shape, c.n, counts, c.unseen)
			}
		}
	}
}

// The examples that ship are read.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../../packaging/examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, _ := os.ReadFile(f); strings.Contains(string(b), "\nmembers:") {
			if _, err := Load(f); err != nil {
				t.Error(err)
			}
		}
	}
}

// An address that an agent reports and no member of the plan has is a way past a cut.
func TestUnlisted(t *testing.T) {
	p := &Plan{Members: []Member{{Name: "a", Addresses: []string{"10.0.0.1"}}, {Name: "b", Addresses: []string{"10.0.0.2"}}}}
	for _, c := range []struct{ reported, want string }{
		{"10.0.0.1", ""},
		{"10.0.0.1 fd88::1", "fd88::1"},
		{"192.0.2.7 fd88::1", ""},
		{"10.0.0.1 10.0.0.2", ""}, // on one machine
		{"", ""},
	} {
		if got := strings.Join(p.Unlisted("a", strings.Fields(c.reported)), " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.reported, got, c.want)
		}
	}
}

// What works on receipt is asked of the peers for the other direction; explicit sides and links are what they say.
func TestPlace(t *testing.T) {
	p, err := Parse([]byte(`
clients: [10.0.0.9]
members:
- {name: a, agent: "h:1", addresses: [10.0.0.1], health: {exec: "true"}}
- {name: b, agent: "h:2", addresses: [10.0.0.2], health: {exec: "true"}}
- {name: c, agent: "h:3", addresses: [10.0.0.3], health: {exec: "true"}}
cases:
- {name: both, fault: slow, on: [a], delay: 1s}
- {name: in, fault: slow, on: [a], delay: 1s, direction: in, from: all}
- {name: out, fault: slow, on: [a], delay: 1s, direction: out}
- {name: sides, fault: partition, sides: [[a, b], [c]]}
- {name: links, fault: partition, links: [[a, b]], direction: out}
- {name: clients, fault: isolate, on: [a], from: clients}
`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"a in 10.0.0.2,10.0.0.3; b in 10.0.0.1; c in 10.0.0.1",
		"a in 10.0.0.2,10.0.0.3,10.0.0.9",
		"b in 10.0.0.1; c in 10.0.0.1",
		"a  10.0.0.3; b  10.0.0.3; c  10.0.0.1,10.0.0.2",
		"a out 10.0.0.2",
		"a  10.0.0.9",
	} {
		c := p.Cases[i]
		peers, targets := map[string][]string{}, c.On.Names
		if c.Fault == Partition {
			sides, err := p.Sides(c, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range p.names() {
				if len(sides[n]) > 0 {
					targets, peers[n] = append(targets, n), p.Addresses(sides[n])
				}
			}
		} else {
			for _, n := range targets {
				peers[n] = p.Peers(c, n)
			}
		}
		var got []string
		placed := p.Place(c, targets, peers, time.Second)
		for _, n := range p.names() {
			if s, is := placed[n]; is {
				got = append(got, n+" "+string(s.Direction)+" "+strings.Join(s.Peers, ","))
			}
		}
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("%s: %s, want %s", c.Name, text, want)
		}
	}
	for text, want := range map[string]string{
		"{fault: partition, sides: [[a, b], [a]]}":             "a is on two sides",
		"{fault: partition, sides: [[a, b]]}":                  "no side is cut off",
		"{fault: partition, links: [[a, a]]}":                  "is not of two members",
		"{fault: partition, links: [[a, x]]}":                  "no member is called x",
		"{fault: partition, shape: halves, sides: [[a], [b]]}": "cannot be combined",
		"{fault: kill, on: [a], sides: [[a], [b]]}":            "sides is only for fault partition",
		"{fault: slow, on: [a], delay: 1s, from: clients}":     "it needs direction: in",
		"{fault: isolate, on: [a], from: world}":               "is not members, clients or all",
		"{fault: reorder, on: [a], delay: 1s, percent: 100}":   "is not within",
		"{fault: power, on: [a], paths: [x]}":                  "paths is only for",
		"{fault: eio, on: [a], ops: [think]}":                  "is not one of",
	} {
		_, err := Parse([]byte(`
clients: [10.0.0.9]
members:
- {name: a, agent: "h:1", addresses: [10.0.0.1], health: {exec: "true"}}
- {name: b, agent: "h:2", addresses: [10.0.0.2], health: {exec: "true"}}
cases: [` + text + "]\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Members may be what a command prints, and stand in zones.
func TestInventory(t *testing.T) {
	load := func(text string) (*Plan, error) {
		file := filepath.Join(t.TempDir(), "plan.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(file)
	}
	list := `for i in 1 2 3 4 5 6; do echo "{\"name\": \"m$i\", \"agent\": \"h:$i\", \"zone\": \"z$((i % 3))\", \"addresses\": [\"10.0.0.$i\"], \"health\": {\"exec\": \"true\"}}"; done | sed "s/^/- /"`
	p, err := load("name: x\nmembers: {exec: '" + list + "'}\ncases: [{fault: kill, on: zone}, {fault: partition, shape: zones}]\n")
	if err != nil {
		t.Fatal(err)
	}
	names, err := p.Draw(p.Cases[0], 1, "")
	if err != nil || len(names) != 2 || p.Member(names[0]).Zone != p.Member(names[1]).Zone {
		t.Error(names, err)
	}
	sides, err := p.Sides(p.Cases[1], 1)
	if err != nil || len(sides) != 6 || strings.Join(sides["m1"], " ") != "m2 m3 m5 m6" {
		t.Error(sides, err)
	}
	for text, want := range map[string]string{
		"members: {exec: 'exit 3'}\ncases: [{fault: none}]\n":                                            ":1:10: members of sh: exit status 3",
		"members: {exec: 'echo hello'}\ncases: [{fault: none}]\n":                                        "members of sh: at 1:1: ",
		"members: {exec: 'echo []'}\ncases: [{fault: none}]\n":                                           "no members",
		"members: {exec: './nothing here'}\ncases: [{fault: none}]\n":                                    "exit status 127",
		"members: {exec: 'echo [{nam: x}]'}\ncases: [{fault: none}]\n":                                   "unknown field",
		"members: [{name: a, agent: 'h:1', health: {exec: 'true'}}]\ncases: [{fault: kill, on: zone}]\n": "no member has one",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := Parse([]byte("members: {exec: 'echo []'}\ncases: [{fault: none}]\n")); err == nil {
		t.Error("a plan without a file ran a command")
	}
}

// A delay between two is drawn from the seed, the round and the case, and lies between them.
func TestSettled(t *testing.T) {
	p := parse(t, members+"cases:\n- {fault: slow, on: one, delay: 4500ms..5500ms}\n- {name: b, fault: slow, on: one, delay: 2}\n")
	seen := map[Duration]bool{}
	for round := range 50 {
		c := p.Settled(p.Cases[0], round)
		if c.Delay.From != c.Delay.To || c.Delay.From < 4500e6 || c.Delay.From > 5500e6 || p.Settled(p.Cases[0], round).Delay != c.Delay {
			t.Errorf("%+v", c.Delay)
		}
		seen[c.Delay.From] = true
		if b := p.Settled(p.Cases[1], round); b.Delay.From != 2e9 {
			t.Errorf("%+v", b.Delay)
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d of 50", len(seen))
	}
}

// What comes beside a fault passes over those that it has hit, also where nobody leads any more.
func TestDrawBeside(t *testing.T) {
	p := parse(t, members+"leader: echo m1\ncases:\n- {name: f, fault: kill, on: follower}\n- {name: l, fault: kill, on: leader}\n- {name: a, fault: kill, on: all}\n")
	for round := range 20 {
		if got, err := p.Draw(p.Cases[0], round, "", "m1"); err != nil || len(got) != 1 || got[0] == "m1" {
			t.Errorf("%q %v", got, err)
		}
	}
	if _, err := p.Draw(p.Cases[0], 1, ""); err == nil {
		t.Error("a follower of nobody")
	}
	if _, err := p.Draw(p.Cases[1], 1, "m1", "m1"); err == nil {
		t.Error("one who was hit")
	}
	if got, err := p.Draw(p.Cases[2], 1, "m1", "m1"); err != nil || fmt.Sprint(got) != "[m2 m3]" {
		t.Errorf("%q %v", got, err)
	}
}

// A member's health is asked as wait-healthy can ask it: with headers, by TLS, and with what the answer must be.
func TestHealth(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); r.Header.Get("X-Role") != "tester" || user != "a" || password != "b" {
			w.WriteHeader(http.StatusForbidden)
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, "first\nstate: leader\n")
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	full := fmt.Sprintf("url: %s, headers: ['X-Role: tester'], auth: 'a:b', ca: %s, server_name: example.com, status: '200-204', body_match: '^state: '", server.URL, ca)
	for health, well := range map[string]bool{
		full: true,
		strings.Replace(full, "tester", "other", 1):                                        false,
		strings.Replace(full, "a:b", "a:c", 1):                                             false,
		strings.Replace(full, "200-204", "200", 1):                                         false,
		strings.Replace(full, "^state: ", "^leader", 1):                                    false,
		strings.Replace(full, "example.com", "example.org", 1):                             false,
		strings.Replace(full, "ca: "+ca+", server_name", "server_name", 1):                 false,
		strings.Replace(full, "ca: "+ca+", server_name: example.com", "insecure: true", 1): true,
	} {
		p := parse(t, members+"- {name: m4, agent: a:1, health: {"+health+"}}\ncases: [{fault: none}]\n")
		check, err := p.Member("m4").Health.Check()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := check.Check(ctx); (err == nil) != well {
			t.Errorf("%s: %v", health, err)
		}
		cancel()
	}
}
