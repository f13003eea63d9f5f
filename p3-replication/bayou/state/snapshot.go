package state

import (
	"crypto/sha256"
	"fmt"
	"iter"

	"github.com/tidwall/btree"

	"dss.example/common/app"

	"dss.example/p3-replication/bayou/proto"
)

// Snapshot is a view as it was at one time. It is never changed.
type Snapshot struct{ pairs *btree.Map[string, []byte] }

var _ app.View = Snapshot{}

// Snapshot returns a view as it is now, in no time.
func (s *State) Snapshot(v View) Snapshot { return Snapshot{s.view(v).Copy()} }

// Pairs implements app.View.
func (s Snapshot) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) { s.pairs.Ascend(from, yield) }
}

// Part returns some of the pairs from a key on, and the key to go on from, empty after the last.
func (s Snapshot) Part(from string) (pairs []proto.Pair, next string) {
	some, next, _ := app.Piece(s, from)
	for _, p := range some {
		pairs = append(pairs, proto.Pair{Key: p.Key, Value: p.Value})
	}
	return pairs, next
}

// Hash returns the SHA-256 of a view: equal where the views are.
func (s *State) Hash(v View) [sha256.Size]byte { return app.Hash(s.Snapshot(v)) }

// Load replaces both views by the pairs of a Snapshot, after which no write was done. An
// error says which pair no Snapshot can have, and the State is as it was.
func (s *State) Load(pairs []proto.Pair) error {
	var all btree.Map[string, []byte]
	conflicts := 0
	for i := range pairs {
		if err := checkPair(&pairs[i]); err != nil {
			return err
		}
		if i > 0 && pairs[i-1].Key >= pairs[i].Key {
			return fmt.Errorf("the pair %q: it comes behind %q", pairs[i].Key, pairs[i-1].Key)
		}
		all.Load(pairs[i].Key, pairs[i].Value)
		conflicts += btoi(pairs[i].Key[:1] == conflictPrefix)
	}
	s.full, s.sure, s.alike, s.conflicts = all, btree.Map[string, []byte]{}, true, conflicts
	s.moved++
	return nil
}

// Reset takes the full view back to the sure one: every write that was not settled is undone.
func (s *State) Reset() {
	if !s.alike {
		s.full, s.sure, s.alike = s.sure, btree.Map[string, []byte]{}, true
	}
	s.moved++
	s.conflicts = 0
	for range s.span(Full, conflictPrefix, "", "", false) {
		s.conflicts++
	}
}

// Len returns how many items a view has, and Size the bytes of all its pairs.
func (s *State) Len(v View) int { return s.view(v).Len() }
