package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// check is all checkers. Each is given time to become true: a member may be behind, and a lease still runs.
func check(etcds []string) error {
	g := make([]gateway, len(etcds))
	for i, url := range etcds {
		g[i] = open(url, 5*time.Second)
	}
	if err := leases(g); err != nil {
		return err
	}
	if err := eventually(func() error { return same(g, 0) }); err != nil {
		return err
	}
	revision, err := compact(g[0])
	if err != nil {
		return fmt.Errorf("compaction: %w", err)
	}
	return eventually(func() error { return same(g, revision) })
}

func eventually(do func() error) (err error) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if err = do(); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// same compares the keys of all members at one revision: what each has itself. (The gateway of etcd 3.4 has no hashkv.)
func same(g []gateway, revision int64) error {
	var first [sha256.Size]byte
	for i, one := range g {
		var got struct {
			Header struct{ Revision string }
			KVs    json.RawMessage
		}
		in := object{"key": b64("\x00"), "range_end": b64("\x00"), "serializable": true, "revision": revision}
		if err := one.call(context.Background(), "kv/range", in, &got); err != nil {
			return fmt.Errorf("%s: %w", one.url, err)
		}
		sum := sha256.Sum256(got.KVs)
		if i == 0 {
			first = sum
			if revision == 0 {
				revision, _ = strconv.ParseInt(got.Header.Revision, 10, 64)
			}
			continue
		}
		if sum != first {
			return fmt.Errorf("%s and %s have other keys at revision %d", g[0].url, one.url, revision)
		}
	}
	return nil
}

// compact forgets all revisions but the last ten.
func compact(g gateway) (int64, error) {
	var got struct{ Header struct{ Revision string } }
	if err := g.call(context.Background(), "kv/range", object{"key": b64("none")}, &got); err != nil {
		return 0, err
	}
	revision, err := strconv.ParseInt(got.Header.Revision, 10, 64)
	if err != nil || revision < 20 {
		return 0, err
	}
	err = g.call(context.Background(), "kv/compaction", object{"revision": revision - 10, "physical": true}, nil)
	if err != nil && strings.Contains(err.Error(), "compacted") { // by an earlier try
		err = nil
	}
	return revision, err
}

// leases judges those that the load has noted.
func leases(g []gateway) error {
	f, err := os.Open(filepath.Join(os.Getenv("FAULT_DIR"), "leases"))
	if os.IsNotExist(err) { // no load has run
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var ended, stay []string
	prefix := ""
	for s := bufio.NewScanner(f); s.Scan(); {
		words := strings.Fields(s.Text())
		if len(words) != 3 {
			continue
		}
		prefix = strings.TrimSuffix(words[2], words[0])
		if words[1] == "stays" {
			stay = append(stay, words[2])
		} else {
			ended = append(ended, words[2])
		}
	}
	if prefix == "" {
		return nil
	}
	return eventually(func() error {
		for _, one := range g {
			got, err := one.prefix(context.Background(), prefix, true)
			if err != nil {
				return err
			}
			there := map[string]bool{}
			for _, kv := range got.KVs {
				there[kv.Key] = true
			}
			for _, key := range ended {
				if there[b64(key)] {
					return fmt.Errorf("%s: the lease of %s has ended, and its key is there", one.url, key)
				}
			}
			for _, key := range stay {
				if !there[b64(key)] {
					return fmt.Errorf("%s: the lease of %s still runs, and its key is gone", one.url, key)
				}
			}
		}
		return nil
	})
}
