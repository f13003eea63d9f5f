package judged

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"

	"dss.example/common/blob"
	"dss.example/common/judge"

	"dss.example/p2-persist/tree"
)

// model is what a tree holds.
type model map[string]tree.Value

// randomModel returns n pairs, some with links.
func randomModel(r *rand.Rand, n int) model {
	m := model{}
	for len(m) < n {
		m.change(r, n)
	}
	return m
}

// change puts a random pair.
func (m model) change(r *rand.Rand, keys int) string {
	key := fmt.Sprintf("%0*x", 1+r.IntN(12), r.IntN(4*keys+4))
	v := tree.Value{Bytes: noise(r.Uint64N(100), r.IntN(40))}
	if r.IntN(4) == 0 {
		v.Link = blob.Sum(blob.Raw, v.Bytes)
	}
	m[key] = v
	return key
}

// keys are the keys in order.
func (m model) keys() []string { return slices.Sorted(maps.Keys(m)) }

func (m model) pairs() iter.Seq2[tree.Pair, error] {
	return func(yield func(tree.Pair, error) bool) {
		for _, key := range m.keys() {
			if !yield(tree.Pair{Key: []byte(key), Value: m[key]}, nil) {
				return
			}
		}
	}
}

// flat is some pairs as they travel.
func (m model) flat(keys []string) (b [][]byte) {
	for _, key := range keys {
		b = append(b, []byte(key))
		b = appendValue(b, m[key])
	}
	return b
}

func appendValue(b [][]byte, v tree.Value) [][]byte {
	if v.Link.IsZero() {
		return append(b, v.Bytes, nil)
	}
	return append(b, v.Bytes, v.Link[:])
}

// staffTree builds a tree as it should be.
func staffTree(p *part, sink tree.Sink, target int, m model) tree.Tree {
	built, err := tree.Build(sink, tree.Params{Target: target}, m.pairs())
	if err != nil {
		p.t.NotJudged("%v", err)
	}
	return built
}

// batch makes random changes of a model and returns them as they travel: numbers and
// byte strings behind the root.
func (m model) batch(r *rand.Rand, n int) (deletes []uint64, b [][]byte) {
	changed := map[string]bool{}
	for range n {
		if all := m.keys(); len(all) > 0 && r.IntN(3) == 0 {
			key := all[r.IntN(len(all))]
			delete(m, key)
			changed[key] = true
			continue
		}
		if all := m.keys(); len(all) > 0 && r.IntN(4) == 0 { // the link alone
			key := all[r.IntN(len(all))]
			m[key] = tree.Value{Bytes: m[key].Bytes, Link: blob.Sum(blob.Raw, noise(r.Uint64N(100), 8))}
			changed[key] = true
			continue
		}
		changed[m.change(r, 300)] = true
	}
	keys := slices.Sorted(maps.Keys(changed))
	for _, key := range keys {
		_, there := m[key]
		deletes = append(deletes, map[bool]uint64{false: 1}[there])
	}
	return deletes, m.flat(keys)
}

// large is a tree of some levels that staff has built in the part's store.
func large(t *judge.T, p *part) (*rand.Rand, model, tree.Tree) {
	r := rand.New(rand.NewPCG(t.Seed(), 8))
	m := randomModel(r, 8000)
	return r, m, staffTree(p, p.blobs, 512, m)
}
