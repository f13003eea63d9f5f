package tree

import (
	"fmt"

	"dss.example/common/blob"
)

// Proof shows to one who knows nothing but a root what stands under a key, or that
// nothing does. It is what Get reads, from the root down: each node names the next by its
// hash, so none can be another. At most one node of each level.
type Proof [][]byte

// Prove returns the proof for a key, whether it is there or not: the root's bytes, and
// then what a Get reads, in that order. They are shared with the Source.
//
//ds:todo p2.5
func (t Tree) Prove(key []byte) (Proof, error) {
	reads := &recorder{t.source, Proof{t.root.raw}}
	if _, _, err := (Tree{reads, t.root}).Get(key); err != nil {
		return nil, err
	}
	return reads.proof, nil
}

// recorder is a Source that remembers what was read.
type recorder struct {
	Source
	proof Proof
}

func (r *recorder) Get(id blob.ID) ([]byte, error) {
	b, err := r.Source.Get(id)
	r.proof = append(r.proof, b)
	return b, err
}

// Check returns what the tree with the given root has under key, and whether it has
// something. A proof from a liar, for another root or key, or with nodes that are not
// needed, is ErrProof. It is a Get from the tree that a replay of p has.
//
//ds:todo p2.5
func (p Proof) Check(root blob.ID, key []byte) (v Value, found bool, err error) {
	path := &replay{p}
	t, err := Open(path, root)
	if err == nil {
		v, found, err = t.Get(key)
	}
	if err == nil && len(path.rest) > 0 {
		err = fmt.Errorf("%d nodes too many", len(path.rest))
	}
	if err != nil {
		return Value{}, false, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return v, found, nil
}

// replay is a Source that has the nodes of a proof, in order, and believes none of them.
type replay struct{ rest Proof }

// Get returns the next node of the proof, if it is the one that id names, and else an
// error: blob.ErrNotFound behind the last.
//
//ds:todo p2.5
func (r *replay) Get(id blob.ID) ([]byte, error) {
	if len(r.rest) == 0 {
		return nil, fmt.Errorf("%w: %v: the proof ends before it", blob.ErrNotFound, id)
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, id.Check(b)
}
