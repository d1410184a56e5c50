// natsload [-clients N] [-keys N] [-direct] HOST:PORT...: a client of a bucket of NATS JetStream (2.9 and later), on three
// members, that writes and reads, and prints a history for the model register. It makes the bucket. Reads ask the leader of
// the bucket's stream, or with -direct any member, which may be behind. It ends when it is told to.
//
// natsload leader HOST:PORT...: prints the name of the member that leads the stream, which it makes, too.
//
// It stands in packaging/examples of pidbox's sources: go build -o /usr/local/bin/natsload ./packaging/examples/natsload
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"pidbox/lib/fault/history"
)

const bucket = "load"

func main() {
	clients := flag.Int("clients", 10, "clients at one time")
	keys := flag.Int("keys", 10, "keys that they share")
	direct := flag.Bool("direct", false, "read what any member has, which may be old")
	flag.Parse()
	servers := flag.Args()
	leads := len(servers) > 0 && servers[0] == "leader"
	if leads {
		servers = servers[1:]
	}
	if len(servers) == 0 {
		fmt.Fprintln(os.Stderr, "usage: natsload [leader] [-clients N] [-keys N] [-direct] HOST:PORT...")
		os.Exit(64)
	}
	l := &load{servers: servers, keys: *keys, direct: *direct, Log: history.NewLog(os.Stdout, *clients)}
	for _, s := range servers {
		if l.bucket(s) == nil {
			break
		}
	}
	if leads {
		os.Exit(leader(servers))
	}
	for i := range *clients {
		go l.client(int64(i))
	}
	select {}
}

func leader(servers []string) int {
	for _, s := range servers {
		var got struct{ Cluster struct{ Leader string } }
		c, err := dial(s, time.Second)
		if err != nil {
			continue
		}
		err = c.ask("$JS.API.STREAM.INFO.KV_"+bucket, "", &got)
		c.Close()
		if err == nil && got.Cluster.Leader != "" {
			fmt.Println(got.Cluster.Leader)
			return 0
		}
	}
	return 1
}

type load struct {
	servers []string
	keys    int
	direct  bool
	*history.Log
}

// bucket sees that it is there.
func (l *load) bucket(server string) error {
	c, err := dial(server, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	config, _ := json.Marshal(map[string]any{"name": "KV_" + bucket, "subjects": []string{"$KV." + bucket + ".>"}, "num_replicas": 3,
		"max_msgs_per_subject": 1, "storage": "file", "allow_direct": true, "discard": "new", "allow_rollup_hdrs": true})
	return c.ask("$JS.API.STREAM.CREATE.KV_"+bucket, string(config), nil)
}

// client reads and writes keys that all share, and one of its own, which it reads after each failure before it writes it
// again: what is lost of that key is certain to be seen.
func (l *load) client(process int64) {
	own, look := fmt.Sprint("own-", process), false
	conns := map[string]*conn{}
	for ; ; time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond) {
		server := l.servers[rand.IntN(len(l.servers))]
		c := conns[server]
		if c == nil {
			var err error
			if c, err = dial(server, 1500*time.Millisecond); err != nil { // nothing was asked
				look = true
				continue
			}
			conns[server] = c
		}
		key, mine := fmt.Sprint(rand.IntN(l.keys)), rand.IntN(2) == 0
		if mine {
			key = own
		}
		key = fmt.Sprintf("%s-%s-%s-%s", os.Getenv("FAULT_RUN"), os.Getenv("FAULT_CASE"), os.Getenv("FAULT_ROUND"), key)
		var err error
		if reads := mine && look; reads || rand.IntN(2) == 0 {
			err = l.read(c, process, key)
			look = look && !(mine && err == nil)
		} else if err = l.write(c, process, key); err != nil { // it may still come: its process is busy for ever
			process = l.Process()
		}
		if err != nil { // its answer may come for the next question
			look = true
			c.Close()
			delete(conns, server)
		}
	}
}

func (l *load) write(c *conn, process int64, key string) error {
	value := l.Value()
	l.Print(history.Invoke, process, "write", key, value)
	err := c.ask("$KV."+bucket+"."+key, value, nil)
	if err != nil {
		l.Print(history.Info, process, "write", key, value)
		return err
	}
	l.Print(history.OK, process, "write", key, value)
	return nil
}

func (l *load) read(c *conn, process int64, key string) error {
	l.Print(history.Invoke, process, "read", key, nil)
	value, err := c.last(bucket, key, l.direct)
	switch {
	case err != nil:
		l.Print(history.Fail, process, "read", key, nil)
	case value == "":
		l.Print(history.OK, process, "read", key, nil)
	default:
		l.Print(history.OK, process, "read", key, value)
	}
	return err
}
