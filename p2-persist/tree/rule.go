package tree

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
)

// Params is the shape of a tree. Every node carries it, so that a tree keeps its shape
// whoever changes it, and nodes of different shapes never mix.
type Params struct {
	// Target is the size of an average node in bytes of its entries, MinTarget to
	// MaxTarget; 0 means DefaultTarget. Larger nodes make lower trees, smaller nodes
	// cheaper changes. It should be a few times what a link takes, which is a key and 50
	// bytes: where each node must end behind its second child, one new child moves all
	// cuts behind it.
	Target int
}

// Bounds of Params.Target.
const (
	DefaultTarget = 4 << 10
	MinTarget     = 128
	MaxTarget     = 16 << 10
)

func (p Params) orDefault() (Params, error) {
	if p.Target == 0 {
		p.Target = DefaultTarget
	}
	if p.Target < MinTarget || p.Target > MaxTarget {
		return p, fmt.Errorf("%w: %d bytes, want %d to %d", ErrTarget, p.Target, MinTarget, MaxTarget)
	}
	return p, nil
}

// least is the size below which no node ends but the last of its level.
func (p Params) least() int { return p.Target / 4 }

// most is the size at which every node ends.
func (p Params) most() int { return p.Target * 4 }

// ends is the rule that gives a tree its shape: it reports whether a node of the given
// level ends behind the entry that was put into it last. Entries is how many it has with
// that one, size their bytes, weight the bytes of the last one, and key its key.
//
//   - An inner node of one child does not end: each level must have at most half the
//     nodes of the one below.
//   - A node smaller than p.least does not end.
//   - One of p.most or more bytes does.
//   - Between the two the key decides: the rank of the key, as a fraction of all ranks,
//     is below weight / (p.Target - p.least). So the chance that a stretch of bytes
//     holds an end does not depend on how many entries it is divided into.
//
// Nothing else may count: not what follows the entry, not the bytes of its value, not
// how the node came about.
//
//ds:todo p2.4
func (p Params) ends(level, entries, size, weight int, key []byte) bool {
	switch spread := p.Target - p.least(); {
	case level > 0 && entries < 2, size < p.least():
		return false
	case size >= p.most(), weight >= spread:
		return true
	default:
		return rank(level, key) < math.MaxUint64/uint64(spread)*uint64(weight)
	}
}

// rank is a number that looks random but belongs to the key and the level: the first
// eight bytes, big-endian, of the SHA-256 of the level (one byte) and the key. Each
// level has ranks of its own, since the keys that come up to it were chosen by theirs.
func rank(level int, key []byte) uint64 {
	var room [1 + MaxKey]byte
	hash := sha256.Sum256(append(append(room[:0], byte(level)), key...))
	return binary.BigEndian.Uint64(hash[:])
}

// checkShape returns ErrShape if the rule would have cut the node elsewhere.
func (n *node) checkShape() error {
	size := 0
	for i, e := range n.entries {
		size += len(e.raw)
		ends := n.params.ends(n.level, i+1, size, len(e.raw), e.key)
		switch final := i == len(n.entries)-1; {
		case ends && !final:
			return fmt.Errorf("%w: %v goes on behind key %x, where it has to end", ErrShape, n.id, e.key)
		case final && !ends && !n.last:
			return fmt.Errorf("%w: %v ends behind key %x, where it has to go on", ErrShape, n.id, e.key)
		}
	}
	return nil
}
