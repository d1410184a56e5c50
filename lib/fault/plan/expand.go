package plan

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Bounds of a plan, whatever its aliases make of it.
const (
	nodeLimit  = 200_000
	depthLimit = 100
)

// expansion replaces aliases by what they name and merges ("<<") by the keys that are not given beside them, and leaves out
// keys of the whole that begin with x-: there a plan keeps pieces that it uses more than once.
type expansion struct {
	anchors map[string]ast.Node
	sizes   map[ast.Node]int
	nodes   int
}

func expand(root ast.Node) (ast.Node, error) {
	e := &expansion{anchors: map[string]ast.Node{}, sizes: map[ast.Node]int{}}
	n, err := e.node(root, 0)
	if err != nil {
		return nil, err
	}
	if m, is := n.(*ast.MappingNode); is {
		var kept []*ast.MappingValueNode
		for _, v := range m.Values {
			if !strings.HasPrefix(keyText(v), "x-") {
				kept = append(kept, v)
			}
		}
		m.Values = kept
	}
	return n, nil
}

func (e *expansion) node(n ast.Node, depth int) (ast.Node, error) {
	before := e.nodes
	if e.nodes++; e.nodes > nodeLimit {
		return nil, flawAt(n, "the aliases make this plan too large")
	}
	if depth > depthLimit {
		return nil, flawAt(n, "it is nested too deeply")
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		v, err := e.node(n.Value, depth+1)
		if err == nil {
			name := n.Name.GetToken().Value
			e.anchors[name], e.sizes[v] = v, e.nodes-before
		}
		return v, err
	case *ast.AliasNode:
		v := e.anchors[n.Value.GetToken().Value]
		if v == nil {
			return nil, flawAt(n.Value, "no anchor is called %s before this", n.Value.GetToken().Value)
		}
		if e.nodes += e.sizes[v]; e.nodes > nodeLimit {
			return nil, flawAt(n.Value, "the aliases make this plan too large")
		}
		return v, nil
	case *ast.TagNode:
		return nil, flawAt(n, "tags such as %s are not supported", n.Start.Value)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			var err error
			if n.Values[i], err = e.node(v, depth+1); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		return e.mapping(ast.Mapping(n.GetToken(), false, n), depth)
	case *ast.MappingNode:
		return e.mapping(n, depth)
	}
	return n, nil
}

func (e *expansion) mapping(n *ast.MappingNode, depth int) (ast.Node, error) {
	var own, merged []*ast.MappingValueNode
	seen := map[string]bool{}
	for _, v := range n.Values {
		value, err := e.node(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if _, merges := v.Key.(*ast.MergeKeyNode); merges {
			from, is := value.(*ast.MappingNode)
			list, many := value.(*ast.SequenceNode)
			switch {
			case is:
				merged = append(merged, from.Values...)
			case many:
				for _, one := range list.Values {
					from, is := one.(*ast.MappingNode)
					if !is {
						return nil, flawAt(v.Key, "<< takes a mapping, or a list of them")
					}
					merged = append(merged, from.Values...)
				}
			default:
				return nil, flawAt(v.Key, "<< takes a mapping, or a list of them")
			}
			continue
		}
		key := keyText(v)
		if seen[key] {
			return nil, flawAt(v.Key, "%q appears twice", key)
		}
		seen[key], v.Value = true, value
		own = append(own, v)
	}
	for _, v := range merged {
		if key := keyText(v); !seen[key] {
			seen[key] = true
			own = append(own, v)
		}
	}
	n.Values = own
	return n, nil
}

func keyText(v *ast.MappingValueNode) string { return v.Key.GetToken().Value }
