package kv

import "time"

// Op is an operation: one of the types below, or of those in group.go.
type Op interface {
	kind() opKind
	appendFields(b []byte) []byte // the fields alone, as an array
}

type opKind uint8

// The numbers are part of the wire format: never reuse one.
const (
	opGet opKind = iota + 1
	opPut
	opDelete
	opScan
	opAppend
	opCAS
	opTxn
	opEvents
	opGrant
	opKeepAlive
	opRevoke
	opLeases
	opOpenSession
	opCloseSession
	opStat
	opExpire
	opMembers
	opInspect
	opChange
	opTransfer
	opGuarded
	opInquire
	opConflicts
	opProbe
)

// LeaseID names a lease; 0 is none.
type LeaseID uint64

type (
	// Get reads a key. OK with an Item, or NotFound.
	Get struct{ Key string }

	// Put sets a key, under a lease if one is given: the key is deleted with it.
	// OK, or NoLease.
	Put struct {
		Key   string
		Value []byte
		Lease LeaseID
	}

	// Delete removes a key. OK, or NotFound if there was none.
	Delete struct{ Key string }

	// Scan reads the keys from From up to but not including To; an empty To means
	// to the end. OK with Items, in order of keys.
	Scan struct {
		From, To   string
		Limit      int  // items at most; 0 or more than MaxScan means MaxScan
		Descending bool // from the last key down
		KeysOnly   bool // without values
		CountOnly  bool // Items.Count only
	}

	// Append adds bytes to the end of a key's value; an absent key counts as
	// empty. The key keeps its lease. OK with a Length, or TooLarge.
	Append struct {
		Key   string
		Value []byte
	}

	// CAS sets a key if its Mod version is still the one given; the zero Version
	// means that the key must be absent. OK, Conflict with the present Item (no
	// result if absent), or NoLease.
	CAS struct {
		Key   string
		Old   Version
		Value []byte
		Lease LeaseID
	}

	// Txn does Then if all of If hold, else Else, as one atomic step with one
	// revision. The branches hold Get, Put, Delete, Scan and Append only; each sees
	// the writes of those before it. OK with a TxnResult; a write that is refused
	// (TooLarge, NoLease) refuses the whole Txn, and nothing of it is done.
	Txn struct {
		If         []Compare
		Then, Else []Op
	}

	// Events waits for changes of the keys From (inclusive) to To (exclusive, empty
	// means to the end) after the revision After, at most Request.Wait. OK with
	// an EventList, which is empty when nothing came; Compacted when After is older
	// than the history that is kept. The zero After means "from now on".
	Events struct {
		From, To string
		After    Version
		Max      int       // 0 or more than MaxEvents means MaxEvents
		Previous bool      // with each Event, what was there before
		Only     EventKind // 0 for all
	}

	// Grant makes a lease that expires when not kept alive for TTL. OK with a
	// LeaseInfo.
	Grant struct{ TTL time.Duration }

	// KeepAlive renews a lease for its full TTL. OK with a LeaseInfo, or NoLease.
	KeepAlive struct{ Lease LeaseID }

	// Revoke ends a lease and deletes its keys. OK, or NoLease.
	Revoke struct{ Lease LeaseID }

	// Leases lists the leases, or tells of one if an ID is given (with its keys).
	// OK with a LeaseList, or NoLease.
	Leases struct{ Lease LeaseID }

	// OpenSession makes a session that ends when it is not used for TTL. OK with a
	// SessionInfo. It is the one write that is not protected against repetition:
	// a session opened twice costs one that expires.
	OpenSession struct{ TTL time.Duration }

	// CloseSession ends the request's session and forgets its answers. OK, or
	// NoSession.
	CloseSession struct{}

	// Stat tells of the store: OK with Stats.
	Stat struct{ Hash bool }

	// Expire ends every lease and session whose time has come. The owner of the
	// order of writes issues it; from a client it is harmless. OK.
	Expire struct{}
)

func (Get) kind() opKind          { return opGet }
func (Put) kind() opKind          { return opPut }
func (Delete) kind() opKind       { return opDelete }
func (Scan) kind() opKind         { return opScan }
func (Append) kind() opKind       { return opAppend }
func (CAS) kind() opKind          { return opCAS }
func (Txn) kind() opKind          { return opTxn }
func (Events) kind() opKind       { return opEvents }
func (Grant) kind() opKind        { return opGrant }
func (KeepAlive) kind() opKind    { return opKeepAlive }
func (Revoke) kind() opKind       { return opRevoke }
func (Leases) kind() opKind       { return opLeases }
func (OpenSession) kind() opKind  { return opOpenSession }
func (CloseSession) kind() opKind { return opCloseSession }
func (Stat) kind() opKind         { return opStat }
func (Expire) kind() opKind       { return opExpire }

var opNames = []string{
	"none", "get", "put", "delete", "scan", "append", "cas", "txn", "events", "grant",
	"keepalive", "revoke", "leases", "open-session", "close-session", "stat", "expire",
	"members", "inspect", "change", "transfer", "guarded", "inquire", "conflicts", "probe",
}

// OpName returns the operation's name in lower case, for traces and metrics.
func OpName(op Op) string {
	if op == nil {
		return opNames[0]
	}
	return nameOf(opNames, uint64(op.kind()))
}

// ReadOnly reports whether op changes nothing, so that doing it twice does no
// harm.
func ReadOnly(op Op) bool {
	switch op := op.(type) {
	case Get, Scan, Events, Leases, Stat, Members, Inspect, Inquire, Conflicts, Probe:
		return true
	case Txn:
		for _, branch := range [][]Op{op.Then, op.Else} {
			for _, o := range branch {
				if !ReadOnly(o) {
					return false
				}
			}
		}
		return true
	}
	return false
}

// Waits reports whether r may wait for something to happen, so that it must not
// be served inline.
func (r *Request) Waits() bool {
	_, ok := r.Op.(Events)
	return ok && r.Wait > 0
}

// Target says which property of a key a Compare looks at.
type Target uint8

// The properties of a key. An absent key has an empty value, zero versions, count
// 0 and no lease.
const (
	TargetValue Target = iota + 1
	TargetMod
	TargetCreate
	TargetCount
	TargetLease
)

var targetNames = []string{"none", "value", "mod", "create", "count", "lease"}

// String returns the target's name in lower case.
func (t Target) String() string { return nameOf(targetNames, uint64(t)) }

// Relation is how a Compare compares.
type Relation uint8

// The relations.
const (
	Equal Relation = iota + 1
	NotEqual
	Less
	Greater
)

var relationNames = []string{"none", "=", "!=", "<", ">"}

// String returns the relation's sign.
func (r Relation) String() string { return nameOf(relationNames, uint64(r)) }

// Compare is a condition on one key: its Target stands in Relation to the field of
// that name. Less and Greater compare values as bytes.
type Compare struct {
	Key      string
	Target   Target
	Relation Relation
	Value    []byte  // for TargetValue
	Version  Version // for TargetMod and TargetCreate
	Number   uint64  // for TargetCount and TargetLease
}

// PrefixEnd returns the To that makes [prefix, To) hold exactly the keys that
// start with prefix; it is empty ("to the end") for an empty prefix or one of 0xff
// bytes only.
func PrefixEnd(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}
