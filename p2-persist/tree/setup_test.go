package tree_test

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/tree"
)

// store keeps blobs in a map, counts what is asked of it, and hands out its own bytes.
type store struct {
	blobs      map[blob.ID][]byte
	gets, puts int
}

func newStore() *store { return &store{blobs: map[blob.ID][]byte{}} }

func (s *store) Get(id blob.ID) ([]byte, error) {
	s.gets++
	b, ok := s.blobs[id]
	if !ok {
		return nil, fmt.Errorf("%w: %v", blob.ErrNotFound, id)
	}
	return b, nil
}

func (s *store) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	s.puts++
	id := blob.Sum(codec, b)
	if _, ok := s.blobs[id]; !ok {
		s.blobs[id] = bytes.Clone(b)
	}
	return id, nil
}

// reset forgets the counts.
func (s *store) reset() { s.gets, s.puts = 0, 0 }

// check fails the test if a blob was changed in place.
func (s *store) check(t require.TestingT) {
	for id, b := range s.blobs {
		require.NoError(t, id.Check(b))
	}
}

// model is what a tree must hold.
type model map[string]tree.Value

func (m model) keys() []string { return slices.Sorted(maps.Keys(m)) }

func (m model) pairs() iter.Seq2[tree.Pair, error] {
	return func(yield func(tree.Pair, error) bool) {
		for _, k := range m.keys() {
			if !yield(tree.Pair{Key: []byte(k), Value: m[k]}, nil) {
				return
			}
		}
	}
}

// apply makes changes to the model.
func (m model) apply(changes []tree.Change) {
	for _, c := range changes {
		if c.Delete {
			delete(m, string(c.Key))
		} else {
			m[string(c.Key)] = c.Value
		}
	}
}

func text(s string) tree.Value { return tree.Value{Bytes: []byte(s)} }

func put(key, value string) tree.Change { return tree.Change{Key: []byte(key), Value: text(value)} }

func del(key string) tree.Change { return tree.Change{Key: []byte(key), Delete: true} }

// numbered returns a model of n keys of 16 bytes with values of the given size.
func numbered(n, valueSize int) model {
	m := model{}
	for i := range n {
		m[number(i)] = tree.Value{Bytes: bytes.Repeat([]byte{byte(i)}, valueSize)}
	}
	return m
}

func number(i int) string { return fmt.Sprintf("key-%012d", i) }

func build(t require.TestingT, s *store, target int, m model) tree.Tree {
	tr, err := tree.Build(s, tree.Params{Target: target}, m.pairs())
	require.NoError(t, err)
	return tr
}

func apply(t require.TestingT, s *store, tr tree.Tree, changes ...tree.Change) tree.Tree {
	slices.SortFunc(changes, func(a, b tree.Change) int { return bytes.Compare(a.Key, b.Key) })
	out, err := tr.Apply(s, changes)
	require.NoError(t, err)
	return out
}

// contents reads all pairs.
func contents(t require.TestingT, tr tree.Tree) model {
	m := model{}
	for p, err := range tr.Range(nil, nil) {
		require.NoError(t, err)
		m[string(p.Key)] = p.Value
	}
	return m
}

// nodes returns the IDs of all nodes, by level.
func nodes(t require.TestingT, tr tree.Tree) [][]blob.ID {
	levels := make([][]blob.ID, tr.Height())
	require.NoError(t, tr.Walk(func(id blob.ID, level int) (bool, error) {
		levels[level] = append(levels[level], id)
		return true, nil
	}))
	return levels
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

const padding = "a value of sixty bytes, so that few pairs make many nodes: 60"

// randomChanges returns up to n changes of distinct short keys, some of them deletions,
// and some of the keys the beginnings of others.
func randomChanges(r *rand.Rand, n, keys int) []tree.Change {
	byKey := map[string]tree.Change{}
	for range r.IntN(n + 1) {
		key := fmt.Sprintf("%03d", r.IntN(keys))
		if r.IntN(8) == 0 {
			key = key[:1+r.IntN(2)]
		}
		if r.IntN(3) == 0 {
			byKey[key] = del(key)
		} else {
			byKey[key] = tree.Change{Key: []byte(key), Value: randomValue(r)}
		}
	}
	return slices.SortedFunc(maps.Values(byKey), func(a, b tree.Change) int { return bytes.Compare(a.Key, b.Key) })
}

// randomValue returns bytes, a link, or both.
func randomValue(r *rand.Rand) tree.Value {
	v := text(padding[:r.IntN(len(padding))])
	if r.IntN(4) == 0 {
		v.Link = blob.Sum(blob.Raw, []byte{byte(r.IntN(3))})
	}
	return v
}

func mustGet(t testing.TB, tr tree.Tree, key string) (tree.Value, bool) {
	v, found, err := tr.Get([]byte(key))
	require.NoError(t, err)
	return v, found
}
