package proto

import "dss.example/common/machine"

// Value is what a slot of the log holds: a batch of entries, and the log's time. One
// without entries is a no-op.
type Value struct {
	Time    machine.Time // never earlier than that of a slot before
	Entries []Entry      // at most MaxEntries
}

// Entry is one command in the log.
type Entry struct {
	Origin Origin
	Kind   EntryKind
	Body   []byte // never changed
}

// EntryKind says what an Entry's body is.
type EntryKind uint8

// The kinds of Entry.
const (
	EntryCommand EntryKind = iota // of the Service
	EntryGroup                    // an encoded Group that is to follow the newest
)

// Origin names a command: the seq-th that a replica was asked in one of the lives of its
// disk. The zero Origin is the leader's own; nobody waits for what comes of it.
type Origin struct {
	Voter
	Life, Seq uint64
}

// MaxEntries bounds the entries of a Value, and so the positions in a slot.
const MaxEntries = 1 << positionBits

const positionBits = 10

// Position returns the place of the i-th entry of a slot in the agreed order.
func Position(slot uint64, i int) uint64 { return slot<<positionBits | uint64(i) }

// SlotOf returns the slot of a position.
func SlotOf(pos uint64) uint64 { return pos >> positionBits }

// Size is about what a value takes in memory and in a message.
func (v Value) Size() int {
	n := 16
	for i := range v.Entries {
		n += v.Entries[i].Size()
	}
	return n
}

// Size is about what an entry takes.
func (e *Entry) Size() int { return 32 + len(e.Body) }
