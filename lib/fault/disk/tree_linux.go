package disk

import (
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// tree is the names that the kernel knows, and the open files.
type tree struct {
	mu      sync.Mutex
	under   string // the directory itself
	nodes   map[uint64]*node
	handles map[uint64]*handle
	last    uint64
}

// node is a file, a directory or whatever has a name. What lost its name has no parent, and lives on in its open files.
type node struct {
	id       uint64
	key      key
	name     string
	parent   *node // nil: the top, or what has no name any more
	children map[string]*node
	lookups  uint64 // by the kernel
	open     map[*handle]bool
}

// handle is an open file or directory.
type handle struct {
	id     uint64
	node   *node
	file   *os.File // readable and writable, whatever was asked for, if it may be written
	synced bool     // each write lasts
	list   []dirent // of a directory
}

type dirent struct {
	name string
	ino  uint64
	kind uint32
}

const top = 1

func newTree(under string) *tree {
	t := &tree{under: under, nodes: map[uint64]*node{}, handles: map[uint64]*handle{}, last: top}
	t.nodes[top] = &node{id: top, children: map[string]*node{}, open: map[*handle]bool{}, lookups: 1}
	return t
}

// node is the one of that number, and its name from the top; ok is false for one without a name.
func (t *tree) node(id uint64) (n *node, rel string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n = t.nodes[id]
	if n == nil {
		return nil, "", false
	}
	rel, ok = n.rel()
	return n, rel, ok
}

func (n *node) rel() (string, bool) {
	rel := ""
	for ; n.id != top; n = n.parent {
		if n.parent == nil {
			return rel, false
		}
		rel = filepath.Join(n.name, rel)
	}
	return rel, true
}

// path is where a name is underneath. The top is behind a link of /proc.
func (t *tree) path(rel string) string {
	if rel == "" {
		return t.under + "/."
	}
	return filepath.Join(t.under, rel)
}

// look counts that the kernel has looked a name up, and is its node.
func (t *tree) look(parent *node, name string, st *unix.Stat_t) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := key{uint64(st.Dev), st.Ino}
	n := parent.children[name]
	if n != nil && n.key != k {
		n.parent = nil
		n = nil
	}
	if n == nil {
		t.last++
		n = &node{id: t.last, key: k, name: name, parent: parent, children: map[string]*node{}, open: map[*handle]bool{}}
		t.nodes[n.id], parent.children[name] = n, n
	}
	n.lookups++
	return n
}

// forget counts that the kernel has.
func (t *tree) forget(id, lookups uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[id]
	if n == nil || id == top {
		return
	}
	if n.lookups -= min(lookups, n.lookups); n.lookups == 0 && len(n.children) == 0 {
		delete(t.nodes, id)
		if p := n.parent; p != nil && p.children[n.name] == n {
			delete(p.children, n.name)
		}
	}
}

// lose says that a name is gone.
func (t *tree) lose(parent *node, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := parent.children[name]; n != nil {
		n.parent = nil
		delete(parent.children, name)
	}
}

// move says that a name has become another.
func (t *tree) move(from *node, name string, to *node, newName string, exchange bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, b := from.children[name], to.children[newName]
	delete(from.children, name)
	delete(to.children, newName)
	if a != nil {
		a.parent, a.name, to.children[newName] = to, newName, a
	}
	if b != nil {
		if b.parent = nil; exchange {
			b.parent, b.name, from.children[name] = from, name, b
		}
	}
}

func (t *tree) opened(n *node, h *handle) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	h.id, h.node = t.last, n
	t.handles[h.id], n.open[h] = h, true
	return h.id
}

func (t *tree) handle(id uint64) *handle {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.handles[id]
}

func (t *tree) release(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.handles[id]; h != nil {
		delete(t.handles, id)
		delete(h.node.open, h)
		if h.file != nil {
			h.file.Close()
		}
	}
}

// openOf is an open file of a node, for one that has no name any more.
func (t *tree) openOf(n *node) *handle {
	t.mu.Lock()
	defer t.mu.Unlock()
	for h := range n.open {
		if h.file != nil {
			return h
		}
	}
	return nil
}
