package gossip

import (
	"crypto/sha256"
	"encoding/binary"

	"dss.example/common/machine"
	"dss.example/p3-replication/vector"
)

// Bounds of an Item, in bytes and in keepers.
const (
	MaxKey     = 256
	MaxValue   = 4 << 10
	MaxKeepers = 16
)

// Item is what is spread: the last write of a key, as far as somebody knows.
type Item struct {
	Key   string       // 1 to MaxKey bytes
	Stamp vector.Stamp // of the write; nobody gives it twice
	Value []byte       // at most MaxValue bytes; empty of what is dead
	Death *Death       // its certificate, if it was deleted; it must not be changed
}

// Death is the certificate of a deletion.
type Death struct {
	Awake   vector.Stamp   // when it last became active: the Item's stamp, or later (E87's activation)
	Age     machine.Time   // since then, as its holders have measured
	Keepers []machine.Node // who keeps it when it is dormant; in order, at most MaxKeepers
}

// awake returns an item's activation stamp: zero, if it lives.
func (i *Item) awake() vector.Stamp {
	if i.Death == nil {
		return vector.Stamp{}
	}
	return i.Death.Awake
}

// Digest names a version of an item.
type Digest struct {
	Key   string
	Stamp vector.Stamp
	Awake vector.Stamp // zero if it lives
}

func (i *Item) digest() Digest { return Digest{Key: i.Key, Stamp: i.Stamp, Awake: i.awake()} }

// compare orders versions of one key, the newer above the older. A certificate that was woken is
// newer than before, and no newer than any other write.
func (d *Digest) compare(o *Digest) int {
	if c := d.Stamp.Compare(o.Stamp); c != 0 {
		return c
	}
	return d.Awake.Compare(o.Awake)
}

// hash is a version's part in a checksum. It takes a cryptographic hash for two versions to cancel
// each other out only by bad luck.
func (d *Digest) hash() uint64 {
	var room [3 * MaxKey]byte
	b := d.Awake.AppendTo(d.Stamp.AppendTo(append(room[:0], d.Key...)))
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// Mark is a place in the order of all items: by stamp, then by key. The zero Mark is before all.
type Mark struct {
	Stamp vector.Stamp
	Key   string
}

func (d *Digest) mark() Mark { return Mark{Stamp: d.Stamp, Key: d.Key} }

// IsZero tells whether m is before all items.
func (m Mark) IsZero() bool { return m == Mark{} }

// Compare orders marks: negative if m comes first.
func (m Mark) Compare(o Mark) int {
	if c := m.Stamp.Compare(o.Stamp); c != 0 {
		return c
	}
	switch {
	case m.Key < o.Key:
		return -1
	case m.Key > o.Key:
		return 1
	}
	return 0
}
