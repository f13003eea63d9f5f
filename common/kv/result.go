package kv

import "time"

// Result is what an operation found: one of the types below, or of those in
// group.go and tentative.go.
type Result interface {
	resultKind() resultKind
	appendFields(b []byte) []byte // the fields alone, as an array
}

type resultKind uint8

// The numbers are part of the wire format: never reuse one.
const (
	resultItem resultKind = iota + 1
	resultItems
	resultLength
	resultTxn
	resultEvents
	resultLease
	resultLeases
	resultSession
	resultStats
	resultGroup
	resultReplica
	resultGuarded
	resultStanding
	resultConflicts
	resultDistances
)

type (
	// Item is a key with its value and history.
	Item struct {
		Key    string
		Value  []byte
		Mod    Version // of the last write
		Create Version // of the write that made the key
		Count  uint64  // writes since it was made, that one included
		Lease  LeaseID
	}

	// Items is what a Scan found. Count is the number of all keys in the range,
	// whatever the limit; More tells that some of them are not in List. A Store
	// ends List early, but not before the first item, where the Response would
	// exceed MaxMessage.
	Items struct {
		List  []Item
		Count int
		More  bool
	}

	// Length is the size of a value in bytes after an Append.
	Length struct{ Bytes int }

	// TxnResult tells which branch was done, and what became of each of its
	// operations.
	TxnResult struct {
		Succeeded bool
		Outcomes  []Outcome
	}

	// EventList is what an Events saw. Next is the After to go on with, also when
	// List is empty; it is never zero, which would skip what happens between two
	// polls, so the empty state of a Store that offers CapWatch has a revision too.
	EventList struct {
		List []Event
		Next Version
	}

	// LeaseInfo tells of one lease. Keys is filled for Leases with an ID.
	LeaseInfo struct {
		ID   LeaseID
		TTL  time.Duration // as granted
		Left time.Duration // until it expires
		Keys []string
	}

	// LeaseList is in order of IDs.
	LeaseList struct{ List []LeaseInfo }

	// SessionInfo names a session for later requests.
	SessionInfo struct {
		ID  uint64
		TTL time.Duration
	}

	// Stats are counts of what the store holds. Hash is empty unless asked for.
	Stats struct {
		Keys, Bytes      uint64
		Sessions, Leases uint64
		Oldest           Version // the oldest revision that can still be read
		Hash             []byte  // SHA-256 of all Items: equal where the contents and their history are
	}
)

func (Item) resultKind() resultKind        { return resultItem }
func (Items) resultKind() resultKind       { return resultItems }
func (Length) resultKind() resultKind      { return resultLength }
func (TxnResult) resultKind() resultKind   { return resultTxn }
func (EventList) resultKind() resultKind   { return resultEvents }
func (LeaseInfo) resultKind() resultKind   { return resultLease }
func (LeaseList) resultKind() resultKind   { return resultLeases }
func (SessionInfo) resultKind() resultKind { return resultSession }
func (Stats) resultKind() resultKind       { return resultStats }

// Outcome is what became of one operation of a Txn.
type Outcome struct {
	Status Status
	Result Result
}

// EventKind is what happened to a key.
type EventKind uint8

// The kinds of events.
const (
	EventPut EventKind = iota + 1
	EventDelete
)

var eventNames = []string{"any", "put", "delete"}

// String returns the kind's name in lower case.
func (k EventKind) String() string { return nameOf(eventNames, uint64(k)) }

// Event is one change. Events of one revision (a Txn's) stay together: an
// EventList never ends between them.
type Event struct {
	Kind     EventKind
	Item     Item  // of a deletion: Key and Mod only
	Previous *Item // what was there before, if it was asked for and there was
}
