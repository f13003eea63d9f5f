package kvtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// oracle does every operation twice, in the Store and in the Model, and compares.
// It works in the Model's versions; only a Store with CapRevisions must have the
// same ones.
type oracle struct {
	*judge
	model   *check.Model
	clients int                       // that take turns
	first   kv.Version                // the revision of the empty store
	toStore map[kv.Version]kv.Version // what the store calls a version of the model
	toModel map[kv.Version]kv.Version
}

// newOracle starts at the revision of the world's store, which must be empty.
func (j *judge) newOracle() *oracle {
	j.Helper()
	start := j.must(kv.OK, kv.Scan{})
	require.Empty(j, start.Result.(kv.Items).List, "a fresh store must be empty")
	o := &oracle{
		judge: j, model: check.NewModel(j.caps, 0), clients: 1,
		toStore: map[kv.Version]kv.Version{}, toModel: map[kv.Version]kv.Version{},
	}
	if j.caps.Level >= kv.Linearizable {
		o.clients = 3
	}
	if j.has(kv.CapRevisions) {
		o.first = start.Rev
		o.model.StartAt(start.Rev)
	}
	return o
}

// follow does req and returns the store's answer and the model's.
func (o *oracle) follow(req kv.Request) (got, want *kv.Response) {
	o.Helper()
	sent := req
	sent.Op = o.translate(req.Op)
	got = o.ask(o.rng.IntN(o.clients), sent)
	switch r := got.Result.(type) {
	case kv.LeaseInfo:
		o.model.Adopt(uint64(r.ID))
	case kv.SessionInfo:
		o.model.Adopt(r.ID)
	}
	want = o.model.Do(machine.Time(o.w.Now()), &req)
	if diff := o.diff(&req, want, got); diff != "" {
		require.Fail(o, "the store differs from the model", "%s at %s, session %d/%d acked %d\n-want +got:\n%s\nstore says: %s",
			describe(req.Op), req.At, req.Session, req.Seq, req.Acked, diff, got.Detail)
	}
	return got, want
}

// op does one operation without a session.
func (o *oracle) op(op kv.Op) *kv.Response {
	o.Helper()
	got, _ := o.follow(kv.Request{Op: op})
	return got
}

// diff compares two answers in all that the door fixes.
func (o *oracle) diff(req *kv.Request, want, got *kv.Response) string {
	if want.Status != got.Status {
		return fmt.Sprintf("- %s (%s)\n+ %s", want.Status, want.Detail, got.Status)
	}
	switch want.Status {
	case kv.OK, kv.NotFound, kv.Conflict:
	default:
		return ""
	}
	if o.has(kv.CapRevisions) && want.Rev != got.Rev {
		return fmt.Sprintf("- revision %s\n+ revision %s", want.Rev, got.Rev)
	}
	scan, _ := req.Op.(kv.Scan)
	return cmp.Diff(want.Result, got.Result, cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b kv.Version) bool { return !o.has(kv.CapRevisions) || a == b }), // else see learn
		cmp.Comparer(func(a, b kv.LeaseInfo) bool { return sameLease(a, b) || sameLease(b, a) }),
		cmp.Comparer(func(a, b kv.Stats) bool {
			return a.Keys == b.Keys && a.Sessions == b.Sessions && a.Leases == b.Leases
		}),
		cmp.FilterPath(func(p cmp.Path) bool { return scan.CountOnly && p.String() == "More" }, cmp.Ignore()),
	)
}

// sameLease compares what is certain of a lease.
func sameLease(a, b kv.LeaseInfo) bool {
	return a.ID == b.ID && a.TTL == b.TTL && slices.Equal(a.Keys, b.Keys) &&
		a.Left > 0 && a.Left <= a.TTL && b.Left > 0 && b.Left <= b.TTL
}

// unheardOf is a version that no key ever has.
var unheardOf = kv.Version{Hi: 1 << 40, Lo: 1 << 40}

// translate puts the store's versions in the place of the model's.
func (o *oracle) translate(op kv.Op) kv.Op {
	if o.has(kv.CapRevisions) {
		return op
	}
	switch op := op.(type) {
	case kv.CAS:
		op.Old = o.storeVersion(op.Old)
		return op
	case kv.Txn:
		op.If = slices.Clone(op.If)
		for i := range op.If {
			op.If[i].Version = o.storeVersion(op.If[i].Version)
		}
		return op
	}
	return op
}

func (o *oracle) storeVersion(v kv.Version) kv.Version {
	if v.IsZero() {
		return v
	}
	if s, ok := o.toStore[v]; ok {
		return s
	}
	return unheardOf
}

// learn reads a key in both, so that its version can be translated.
func (o *oracle) learn(key string) kv.Version {
	o.Helper()
	want := o.model.Do(machine.Time(o.w.Now()), &kv.Request{Op: kv.Get{Key: key}})
	theirs, ok := want.Result.(kv.Item)
	if !ok || o.has(kv.CapRevisions) {
		return theirs.Mod
	}
	got := o.do(kv.Get{Key: key})
	ours, ok := got.Result.(kv.Item)
	require.True(o, ok, "get %q: %s", key, got.Status)
	o.bind(theirs.Mod, ours.Mod)
	o.bind(theirs.Create, ours.Create)
	return theirs.Mod
}

func (o *oracle) bind(model, store kv.Version) {
	o.Helper()
	require.False(o, store.IsZero(), "a key that is there has a version")
	if known, ok := o.toStore[model]; ok {
		require.Equal(o, known, store, "the version of a key changed without a write")
	}
	if known, ok := o.toModel[store]; ok {
		require.Equal(o, known, model, "two writes have one version")
	}
	o.toStore[model], o.toModel[store] = store, model
}

// hour is a time to live that no random case reaches the end of.
const hour = time.Hour
