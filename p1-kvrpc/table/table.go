package table

import (
	"github.com/tidwall/btree"

	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p1-kvrpc/table/agenda"
)

// Table is the state. It is not safe for concurrent use; its Views are.
//
// What a View shows is persistent: trees that copy on write, records that are never
// changed, and slots of records, sessions and leases that are copied before their
// first change after a View (see generation).
type Table struct {
	config     Config
	generation uint64 // of Views: one more for each View taken

	live  items
	ghost *btree.Map[string, *record] // tombstones of keys that are gone, while the history knows of them
	bytes uint64                      // of keys and values in live

	sessions *btree.Map[uint64, *session]
	leases   *btree.Map[uint64, *lease]
	answers  int           // bytes of remembered answers in all sessions
	dues     agenda.Agenda // of leases and sessions, by ID; derived from them

	history
	nextID uint64       // of the next session or lease
	clock  machine.Time // the latest time that has entered the state
}

var _ app.App = (*Table)(nil)

// firstRevision is the revision of the empty state. It is not zero, because the
// zero Version means "none": a watcher of an empty store needs a place to go on
// from.
const firstRevision = 1

// New returns an empty Table.
func New(config Config) *Table {
	config = config.withDefaults()
	return &Table{
		config:   config,
		live:     newItems(),
		ghost:    new(btree.Map[string, *record]),
		sessions: new(btree.Map[uint64, *session]),
		leases:   new(btree.Map[uint64, *lease]),
		history:  history{rev: firstRevision, oldest: firstRevision, nextChange: 1},
		nextID:   config.FirstID,
	}
}

// Apply executes cmd, a *kv.Request, and returns a *kv.Response: never nil, whatever
// cmd is. It keeps none of the request's bytes; the Response shares values with the
// state and is immutable, as all machine.Data is.
//
// The position is not looked at. It is no revision, because reads and refusals take
// positions too and one Expire may make several revisions; and a command that the order
// brings twice is known by its session and number, not by where it stands.
func (t *Table) Apply(_ uint64, now machine.Time, cmd machine.Data) machine.Data {
	req, ok := cmd.(*kv.Request)
	if !ok || req == nil {
		return kv.Refuse(kv.Invalid, "command of type %T: want a request", cmd)
	}
	return t.Do(now, req)
}

// Do is Apply by its types. A now that is earlier than one before it counts as that.
func (t *Table) Do(now machine.Time, req *kv.Request) *kv.Response {
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	now = max(now, t.clock)
	if req.Session == 0 {
		return t.execute(now, req)
	}
	return t.inSession(now, req)
}

// Read answers a request that is kv.ReadOnly from the present state without looking
// at its session or changing anything, for owners that read beside their log.
func (t *Table) Read(now machine.Time, req *kv.Request) *kv.Response {
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	if !kv.ReadOnly(req.Op) {
		return kv.Refuse(kv.Invalid, "%s is not a read", kv.OpName(req.Op))
	}
	return t.execute(max(now, t.clock), req)
}

// execute does the operation of a checked request, whatever its session.
func (t *Table) execute(now machine.Time, req *kv.Request) *kv.Response {
	var resp *kv.Response
	if req.At.IsZero() {
		resp = t.present(now, req.Op)
		t.commit()
	} else {
		resp = t.past(req.At, req.Op)
	}
	resp.Rev, resp.Stable = kv.Version{Lo: t.rev}, true
	return resp
}

// present executes op on the present state.
func (t *Table) present(now machine.Time, op kv.Op) *kv.Response {
	switch op := op.(type) {
	case kv.Txn:
		return t.txn(op, 0)
	case kv.Events:
		return t.events(op)
	case kv.Grant:
		return t.grant(now, op)
	case kv.KeepAlive:
		return t.keepAlive(now, op)
	case kv.Revoke:
		return t.revoke(op)
	case kv.Leases:
		return t.listLeases(now, op)
	case kv.OpenSession:
		return t.openSession(now, op)
	case kv.CloseSession:
		return kv.Refuse(kv.NoSession, "close-session without a session")
	case kv.Stat:
		return t.stat(op)
	case kv.Expire:
		return t.expire(now)
	case kv.Members, kv.Inspect, kv.Change, kv.Transfer:
		return kv.Refuse(kv.Unsupported, "%s: one server has no members (stage 4 does)", kv.OpName(op))
	case kv.Guarded, kv.Inquire, kv.Conflicts, kv.Probe:
		return kv.Refuse(kv.Unsupported, "%s: no write is tentative here, and no server far (stage 3 has both)", kv.OpName(op))
	}
	if resp := t.write(op); resp != nil {
		return resp
	}
	return t.read(op, 0)
}

// past executes a read on the state of an old revision.
func (t *Table) past(at kv.Version, op kv.Op) *kv.Response {
	if bad := t.known(at); bad != nil {
		return bad
	}
	if txn, ok := op.(kv.Txn); ok {
		return t.txn(txn, at.Lo)
	}
	if resp := t.read(op, at.Lo); resp != nil {
		return resp
	}
	return kv.Refuse(kv.Invalid, "%s at revision %s: only get, scan and transactions of them go back in time", kv.OpName(op), at)
}

// ok makes the response of an operation that was done. Rev follows in execute.
func ok(result kv.Result) *kv.Response { return &kv.Response{Status: kv.OK, Result: result} }
