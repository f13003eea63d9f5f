package main

import (
	"bytes"
	"iter"

	"dss.example/common/blob"

	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/tree"
)

// A pair is three byte strings: key, bytes, link, which may be empty.

func treeVerbs() map[string]verb {
	return map[string]verb{
		"tree.share": func(w *world, _ pipe.Message) (pipe.Message, error) {
			w.shared = map[blob.ID][]byte{}
			return texts(), nil
		},
		"tree.build": treeBuild, "tree.apply": treeApply, "tree.before": treeBefore, "tree.get": treeGet, "tree.range": treeRange,
		"tree.diff": treeDiff, "tree.prove": treeProve, "tree.check": treeCheck,
	}
}

// sink is the judge's store. What is shared it hands out again and again, the same
// memory each time: a tree that changes what it has read is found out.
type sink struct {
	blob.Store
	shared map[blob.ID][]byte
}

// maxShared bounds the blobs that are shared.
const maxShared = 1 << 14

// Get implements tree.Source.
func (s sink) Get(id blob.ID) ([]byte, error) {
	if b, ok := s.shared[id]; ok {
		return b, nil
	}
	b, err := s.Store.Get(id)
	if err == nil && s.shared != nil && len(s.shared) < maxShared {
		s.shared[id] = b
	}
	return b, err
}

func (w *world) trees() sink { return sink{w.blobs(), w.shared} }

func openTree(w *world, id []byte) (tree.Tree, error) {
	root, err := blob.ParseBytes(id)
	if err != nil {
		return tree.Tree{}, err
	}
	return tree.Open(w.trees(), root)
}

func valueOf(b, link []byte) tree.Value {
	v := tree.Value{Bytes: b}
	copy(v.Link[:], link)
	return v
}

func pairsOf(b [][]byte) iter.Seq2[tree.Pair, error] {
	return func(yield func(tree.Pair, error) bool) {
		for i := 0; i+2 < len(b); i += 3 {
			if !yield(tree.Pair{Key: b[i], Value: valueOf(b[i+1], b[i+2])}, nil) {
				return
			}
		}
	}
}

// appendValue appends a value's bytes and its link.
func appendValue(b [][]byte, v tree.Value) [][]byte {
	var link []byte
	if !v.Link.IsZero() {
		link = bytes.Clone(v.Link[:])
	}
	return append(b, bytes.Clone(v.Bytes), link)
}

func rooted(t tree.Tree, err error) (pipe.Message, error) {
	if err != nil {
		return texts(), err
	}
	root := t.Root()
	return pipe.Message{Numbers: []uint64{t.Len(), uint64(t.Height())}, Bytes: [][]byte{root[:]}}, nil
}

// treeBuild builds a tree with a target size of some pairs.
func treeBuild(w *world, m pipe.Message) (pipe.Message, error) {
	return rooted(tree.Build(w.trees(), tree.Params{Target: int(m.Numbers[0])}, pairsOf(m.Bytes)))
}

// treeApply changes a tree: numbers that are not 0 delete.
func treeApply(w *world, m pipe.Message) (pipe.Message, error) {
	t, err := openTree(w, m.Bytes[0])
	if err != nil {
		return texts(), err
	}
	return rooted(t.Apply(w.trees(), changesOf(m)))
}

// changesOf are the changes behind a root.
func changesOf(m pipe.Message) (changes []tree.Change) {
	for p := range pairsOf(m.Bytes[1:]) {
		changes = append(changes, tree.Change{Key: p.Key, Value: p.Value, Delete: m.Numbers[len(changes)] != 0})
	}
	return changes
}

// treeBefore changes a tree, and lists the one that it was made of.
func treeBefore(w *world, m pipe.Message) (pipe.Message, error) {
	t, err := openTree(w, m.Bytes[0])
	if err != nil {
		return texts(), err
	}
	if _, err := t.Apply(w.trees(), changesOf(m)); err != nil {
		return texts(), err
	}
	return list(t.Range(nil, nil))
}

// treeGet looks up keys of a tree.
func treeGet(w *world, m pipe.Message) (answer pipe.Message, err error) {
	t, err := openTree(w, m.Bytes[0])
	if err != nil {
		return answer, err
	}
	for _, key := range m.Bytes[1:] {
		v, found, err := t.Get(key)
		if err != nil {
			return answer, err
		}
		answer.Numbers = append(answer.Numbers, flag(found))
		answer.Bytes = appendValue(answer.Bytes, v)
	}
	return answer, nil
}

// treeRange lists the pairs between two keys; an empty one is none.
func treeRange(w *world, m pipe.Message) (answer pipe.Message, err error) {
	t, err := openTree(w, m.Bytes[0])
	if err != nil {
		return answer, err
	}
	walk := t.Range
	if m.Numbers[0] != 0 {
		walk = t.Backward
	}
	return list(walk(m.Bytes[1], m.Bytes[2]))
}

// list answers with pairs.
func list(pairs iter.Seq2[tree.Pair, error]) (answer pipe.Message, err error) {
	for p, err := range pairs {
		if err != nil {
			return answer, err
		}
		answer.Bytes = appendValue(append(answer.Bytes, bytes.Clone(p.Key)), p.Value)
	}
	return answer, nil
}

// treeDiff lists what leads from one tree to another: key, value before and after, and
// a number: 1 if it was added, 2 if it was removed.
func treeDiff(w *world, m pipe.Message) (answer pipe.Message, err error) {
	a, err := openTree(w, m.Bytes[0])
	if err != nil {
		return answer, err
	}
	b, err := openTree(w, m.Bytes[1])
	if err != nil {
		return answer, err
	}
	for d, err := range tree.Diff(a, b) {
		if err != nil {
			return answer, err
		}
		answer.Numbers = append(answer.Numbers, flag(d.Added)+2*flag(d.Removed))
		answer.Bytes = appendValue(appendValue(append(answer.Bytes, bytes.Clone(d.Key)), d.Before), d.After)
	}
	return answer, nil
}

func treeProve(w *world, m pipe.Message) (pipe.Message, error) {
	t, err := openTree(w, m.Bytes[0])
	if err != nil {
		return texts(), err
	}
	p, err := t.Prove(m.Bytes[1])
	return pipe.Message{Bytes: p}, err
}

// treeCheck checks a proof: root, key, nodes.
func treeCheck(_ *world, m pipe.Message) (pipe.Message, error) {
	root, err := blob.ParseBytes(m.Bytes[0])
	if err != nil {
		return texts(), err
	}
	v, found, err := tree.Proof(m.Bytes[2:]).Check(root, m.Bytes[1])
	return pipe.Message{Numbers: []uint64{flag(found)}, Bytes: appendValue(nil, v)}, err
}
