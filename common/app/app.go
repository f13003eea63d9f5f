// Package app states what replicated state is: something that takes commands in
// one agreed order and gives the same results at every replica.
//
// Stage 1 applies commands as they arrive, stage 4 in the order of its log, stage
// 5 in the order of a stream; the state does not notice.
package app

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"

	"dss.example/common/machine"
)

// App is state that is replicated. It obeys the rules of a core: no clock, no
// randomness, no map order, no I/O.
type App interface {
	// Apply executes the command at position pos of the agreed order and returns
	// its result. Positions grow, not always by one. now is the time that the
	// order gives to this position; it never goes backwards, and all that the App
	// knows of time comes from it.
	//
	// The same commands at the same positions and times give the same results and
	// the same state everywhere. A command that the App refuses is a result too.
	Apply(pos uint64, now machine.Time, cmd machine.Data) machine.Data

	// View returns the present state in O(1). Later Apply calls do not change it.
	View() View

	// Load replaces the state by the pairs of a View, in the View's order. On an
	// error the state is what it was before.
	Load(pairs iter.Seq2[string, []byte]) error
}

// View is an immutable state: sorted pairs, everything included that Apply
// depends on (a session table, leases, history stand under reserved keys).
type View interface {
	// Pairs iterates from the first key not less than from, in order of keys. The
	// bytes must not be changed.
	Pairs(from string) iter.Seq2[string, []byte]
}

// Hash returns the SHA-256 of all pairs of v, each key and value behind its
// length. Equal hashes mean equal states.
func Hash(v View) [sha256.Size]byte { return HashRange(v, "", "") }

// HashRange is Hash of the pairs whose keys are from (inclusive) to (exclusive, empty
// means to the end).
func HashRange(v View, from, to string) [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	put := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for k, val := range v.Pairs(from) {
		if to != "" && k >= to {
			break
		}
		put([]byte(k))
		put(val)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// MaxPiece bounds a piece of a snapshot in bytes of keys and values; a pair that
// is larger by itself makes a piece of its own.
const MaxPiece = 1 << 20

// Pair is one key and its value in a piece of a snapshot.
type Pair struct {
	Key   string
	Value []byte
}

// Piece returns the pairs of v from the given key on, as many as MaxPiece allows
// and at least one, and the key to go on from; more is false after the last.
func Piece(v View, from string) (pairs []Pair, next string, more bool) {
	size := 0
	for k, val := range v.Pairs(from) {
		if size += len(k) + len(val); size > MaxPiece && len(pairs) > 0 {
			return pairs, k, true
		}
		pairs = append(pairs, Pair{k, val})
	}
	return pairs, "", false
}
