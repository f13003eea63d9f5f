package file

import (
	"errors"
	"fmt"
	"math"

	"dss.example/common/blob"
	"dss.example/common/cbor"
)

// Bounds.
const (
	MinParts = 64  // parts of a node, but for the last of its level
	MaxParts = 512 // parts of a node
	MaxLevel = 8   // of the root; 64⁸ chunks are more than a file has
)

// Errors of this package. What a store returns is wrapped and keeps its identity.
var (
	ErrMalformed = errors.New("malformed file")
	ErrTooLarge  = errors.New("file needs more than 8 levels of nodes")
	ErrOffset    = errors.New("offset out of range")
)

// Node is an inner node of a file's tree. Its blob has the codec DAGCBOR and holds
//
//	{"kind": "file", "level": LEVEL, "parts": [[SIZE, LINK], [SIZE, null], …]}
//
// with null for a hole.
type Node struct {
	Level int    // 1 to MaxLevel: how many levels are under it
	Parts []Part // 1 to MaxParts, in the order of the file
}

// Part is a piece of a file: a chunk or a hole at level 1, a node of the level below at
// any other.
type Part struct {
	Size int64   // in bytes of the file, > 0
	Link blob.ID // zero: a hole
}

// Hole reports whether the part is zeros that are not stored.
func (p Part) Hole() bool { return p.Link.IsZero() }

// Size returns how many bytes of the file lie under n.
func (n Node) Size() int64 {
	var size int64
	for _, p := range n.Parts {
		size += p.Size
	}
	return size
}

// The words in a node.
const (
	keyKind  = "kind"
	keyLevel = "level"
	keyParts = "parts"
	kindFile = "file"
)

// Append appends the encoding of n, which has one only. n must be within its bounds.
func (n Node) Append(b []byte) []byte {
	b = cbor.AppendMap(b, 3) // keys sorted by length, then by bytes
	b = cbor.AppendText(cbor.AppendText(b, keyKind), kindFile)
	b = cbor.AppendUint(cbor.AppendText(b, keyLevel), uint64(n.Level))
	b = cbor.AppendArray(cbor.AppendText(b, keyParts), len(n.Parts))
	for _, p := range n.Parts {
		b = cbor.AppendUint(cbor.AppendArray(b, 2), uint64(p.Size))
		if p.Hole() {
			b = cbor.AppendNull(b)
		} else {
			b = blob.AppendLink(b, p.Link)
		}
	}
	return b
}

// ParseNode reads what Append has written and nothing else. The sizes of the parts are
// positive and their sum is no more than an int64 holds; links lead to chunks of at
// most blob.MaxSize bytes at level 1, and to nodes at any other. Error: ErrMalformed.
func ParseNode(b []byte) (Node, error) {
	r := cbor.NewReader(b)
	if pairs := r.Map(); pairs != 3 {
		r.Fail("map of %d pairs, want 3", pairs)
	}
	readWord(&r, keyKind)
	readWord(&r, kindFile)
	readWord(&r, keyLevel)
	level := r.Uint()
	if level < 1 || level > MaxLevel {
		r.Fail("level %d, want 1 to %d", level, MaxLevel)
	}
	readWord(&r, keyParts)
	n := Node{Level: int(level), Parts: readParts(&r, int(level))}
	if err := r.Close(); err != nil {
		return Node{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return n, nil
}

func readWord(r *cbor.Reader, want string) {
	if word := r.Text(); word != want {
		r.Fail("%.20q, want %q", word, want)
	}
}

func readParts(r *cbor.Reader, level int) []Part {
	count := r.Array()
	if count < 1 || count > MaxParts {
		r.Fail("%d parts, want 1 to %d", count, MaxParts)
		return nil
	}
	parts := make([]Part, 0, count)
	left := uint64(math.MaxInt64)
	for range count {
		p := readPart(r, level, left)
		if r.Err() != nil {
			return nil
		}
		left -= uint64(p.Size)
		parts = append(parts, p)
	}
	return parts
}

// readPart reads a part of at most most bytes.
func readPart(r *cbor.Reader, level int, most uint64) (p Part) {
	r.Fixed(2)
	size := r.Uint()
	if size == 0 || size > most {
		r.Fail("part of %d bytes, want 1 to %d", size, most)
	}
	p.Size = int64(size)
	want := blob.DAGCBOR
	if level == 1 {
		want = blob.Raw
	}
	switch {
	case level == 1 && r.Null():
		return p
	case level == 1 && size > blob.MaxSize:
		r.Fail("chunk of %d bytes, want at most %d", size, blob.MaxSize)
	}
	p.Link = blob.ReadLink(r)
	if r.Err() == nil && p.Link.Codec() != want {
		r.Fail("link to %v at level %d, want %v", p.Link.Codec(), level, want)
	}
	return p
}
