package tree

import (
	"bytes"
	"errors"
	"fmt"

	"dss.example/common/blob"
)

// Source is where a tree reads its nodes. Every blob.Store is one.
type Source interface {
	// Get returns the bytes of a blob, checked against its ID. A tree never changes
	// them, so a Source may hand out memory that it shares; whoever changes it changes
	// what the tree has read.
	Get(id blob.ID) ([]byte, error)
}

// Sink is where nodes are written, and read again. Every blob.Store is one. What was
// put is durable when the caller has synced the store, not before.
type Sink interface {
	Source
	// Put stores a blob; its bytes are the tree's again when Put returns.
	Put(codec blob.Codec, b []byte) (blob.ID, error)
}

// Tree is an immutable map from keys to values, sorted by the bytes of the keys. It is a
// small value: a root and where to read the rest. Its methods may be called from many
// goroutines if its Source may. Trees come from Empty, Build, Open and Apply; the zero
// Tree cannot be used.
//
// Keys and values that a Tree returns share memory with its Source and must not be
// changed. Every method that reads returns the errors of the Source, and ErrNode for a
// blob that is no node of this tree.
type Tree struct {
	source Source
	root   *node
}

// Bounds of what a tree holds.
const (
	// MaxKey bounds a key in bytes, and the least is 1: a KiB, and room for what a caller
	// puts in front of the keys of its own callers.
	MaxKey = 1<<10 + 64
	// MaxValue bounds Value.Bytes. What is larger goes into a blob of its own.
	MaxValue = 64 << 10
)

// Value is what stands under a key: bytes, a link, or both. A link is seen as one by
// whoever walks from blob to blob, a collector above all; an ID hidden in Bytes is not.
type Value struct {
	Bytes []byte  // at most MaxValue; nil and empty are the same
	Link  blob.ID // the zero ID: none
}

// Equal reports whether v and w are the same value.
func (v Value) Equal(w Value) bool { return v.Link == w.Link && bytes.Equal(v.Bytes, w.Bytes) }

// Pair is one key and its value.
type Pair struct {
	Key   []byte
	Value Value
}

// Errors of a tree.
var (
	// ErrNode is a blob that is no node, or not the one that its parent speaks of.
	ErrNode = errors.New("not a node of a tree")
	// ErrShape is a tree of good nodes that were not cut by the rule of this package.
	ErrShape = errors.New("tree is not in its one true shape")
	// ErrOrder is a list of pairs or changes whose keys do not ascend.
	ErrOrder = errors.New("keys are not in ascending order")
	// ErrKey is a key with no bytes, or with more than MaxKey.
	ErrKey = errors.New("length of the key out of range")
	// ErrValue is a value with more than MaxValue bytes, or a link that is no ID.
	ErrValue = errors.New("value cannot be stored")
	// ErrTarget is a Params.Target out of range.
	ErrTarget = errors.New("target size of nodes out of range")
	// ErrIndex is a position behind the last pair.
	ErrIndex = errors.New("no pair at this position")
	// ErrProof is a proof that proves nothing.
	ErrProof = errors.New("proof does not hold")
)

// Open returns the tree with the given root. It reads that one node.
func Open(s Source, root blob.ID) (Tree, error) {
	n, err := readRoot(s, root)
	if err != nil {
		return Tree{}, err
	}
	if n.level > 0 && len(n.entries) < 2 {
		return Tree{}, fmt.Errorf("%w: %v: a root with one child", ErrNode, root)
	}
	return Tree{s, n}, nil
}

// Root returns the ID of the root: two trees with the same Params have the same root if
// and only if they hold the same pairs.
func (t Tree) Root() blob.ID { return t.root.id }

// Params returns the shape of the tree.
func (t Tree) Params() Params { return t.root.params }

// Len returns the number of pairs.
func (t Tree) Len() uint64 { return t.root.count }

// Height returns the number of nodes on the way from the root to a leaf, both included.
func (t Tree) Height() int { return t.root.level + 1 }

func checkKey(key []byte) error {
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrKey, len(key), MaxKey)
	}
	return nil
}

func (v Value) check() error {
	if len(v.Bytes) > MaxValue {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrValue, len(v.Bytes), MaxValue)
	}
	if v.Link.IsZero() {
		return nil
	}
	if err := v.Link.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrValue, err)
	}
	return nil
}
