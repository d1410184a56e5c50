package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// check is all checkers. Each is given time to become true: a member may be behind, and a lease still runs.
func check(etcds []string) error {
	g := make([]member, len(etcds))
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

// same compares the keys of all members at one revision: what each has itself.
func same(g []member, revision int64) error {
	var first [sha256.Size]byte
	for i, one := range g {
		got, err := one.call(context.Background(), "KV/Range", ranged("\x00", "\x00", revision, true, false))
		if err != nil {
			return fmt.Errorf("%s: %w", one.url, err)
		}
		all := sha256.New()
		got.each(func(field int, _ int64, kv message) {
			if field == 2 {
				fmt.Fprintf(all, "%d ", len(kv))
				all.Write(kv)
			}
		})
		sum := [sha256.Size]byte(all.Sum(nil))
		if i == 0 {
			first = sum
			if revision == 0 {
				revision = got.revision()
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
func compact(g member) (int64, error) {
	got, err := g.call(context.Background(), "KV/Range", ranged("none", "", 0, false, false))
	revision := got.revision()
	if err != nil || revision < 20 {
		return 0, err
	}
	_, err = g.call(context.Background(), "KV/Compact", message{}.number(1, revision-10).yes(2, true))
	if err != nil && strings.Contains(err.Error(), "compacted") { // by an earlier try
		err = nil
	}
	return revision, err
}

// leases judges those that the load has noted.
func leases(g []member) error {
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
			keys, err := one.prefix(context.Background(), prefix)
			if err != nil {
				return err
			}
			there := map[string]bool{}
			for _, key := range keys {
				there[key] = true
			}
			for _, key := range ended {
				if there[key] {
					return fmt.Errorf("%s: the lease of %s has ended, and its key is there", one.url, key)
				}
			}
			for _, key := range stay {
				if !there[key] {
					return fmt.Errorf("%s: the lease of %s still runs, and its key is gone", one.url, key)
				}
			}
		}
		return nil
	})
}
