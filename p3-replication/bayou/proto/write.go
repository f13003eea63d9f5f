package proto

import (
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/vector"
)

// Kind is what a Write is about. The numbers are part of every format.
type Kind uint8

// The kinds.
const (
	Update     Kind = iota + 1 // changes pairs
	Birth                      // makes a server, which is named after this write ('97, 4.3)
	Retirement                 // of the server that accepted it, which accepts no more
	Handover                   // makes another server the primary, once it is committed
)

// Write is one of the writes that all servers come to agree on ('95, 3 and 4): an update, with
// the check that tells at its place in the order whether it is still wanted, and the
// procedure that finds another update if not. It is never changed once it has an ID.
type Write struct {
	ID   vector.Stamp
	Kind Kind

	Update []Change // of an Update
	Check  string   // a program; empty: holds always
	Merge  string   // a program; empty: what does not hold is a conflict

	Place Place         // of a Birth
	Heir  vector.Server // of a Handover
}

// Change sets a key or deletes it.
type Change struct {
	Key    string
	Value  []byte
	Delete bool
}

// Child returns the server that a Birth makes. The first write of a database makes Root, which
// accepts it. The error is that of vector.Server.Child.
func (w *Write) Child() (vector.Server, error) {
	if w.ID == (vector.Stamp{Time: 1, Server: vector.Root}) {
		return vector.Root, nil
	}
	return w.ID.Server.Child(w.ID.Time)
}

// Place is where a server runs. Life is drawn by each server when it is born: it tells two
// that ran at one node apart.
type Place struct {
	Node machine.Node
	Life uint64
	Addr string
	Zone string
}

// Bounds of a Write. What exceeds them does not get in.
const (
	MaxChanges = kv.MaxTxnOps
	MaxProgram = 64 << 10      // bytes of a check or a merge procedure
	MaxWrite   = kv.MaxMessage // bytes of all keys, values and programs
	MaxAddr    = 256           // bytes of an address or a zone
)

// overhead is about what a Write takes besides its keys, values and programs.
const overhead = 64

// Size is about how many bytes the Write takes.
func (w *Write) Size() int {
	n := overhead + len(w.ID.Server) + len(w.Check) + len(w.Merge) + len(w.Place.Addr) + len(w.Place.Zone) + len(w.Heir)
	for i := range w.Update {
		n += len(w.Update[i].Key) + len(w.Update[i].Value) + 8
	}
	return n
}
