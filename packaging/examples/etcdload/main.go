// etcdload [-clients N] [-rate N] [-keys N] URL...: a client of etcd (3.4 and later) that mixes what etcd's
// functional tester mixes: small and large writes, deletes, reads of one key and of all, transactions, and leases. It prints a
// history for the model cas, and notes its leases in $FAULT_DIR/leases. It ends when it is told to.
//
// etcdload check URL...: the checkers. All members have the same keys at the same revision, before and after a compaction; leases
// that were let run out are gone, with their keys; leases that were revoked are gone; those that still run have theirs.
//
// It stands in packaging/examples of pidbox's sources: go build -o /usr/local/bin/etcdload ./packaging/examples/etcdload
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	clients := flag.Int("clients", 64, "clients at one time")
	rate := flag.Float64("rate", 800, "operations a second by all together; 0: as many as there can be")
	keys := flag.Int("keys", 60, "keys that they share")
	serializable := flag.Bool("serializable", false, "read what one member has, which may be old")
	flag.Parse()
	args := flag.Args()
	checks := len(args) > 0 && args[0] == "check"
	if checks {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: etcdload [check] [-clients N] [-rate N] [-keys N] [-serializable] URL...")
		os.Exit(64)
	}
	if !checks {
		load{etcds: args, rate: *rate, keys: *keys, clients: *clients, serializable: *serializable}.run()
	}
	if err := check(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
