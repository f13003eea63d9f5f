package kvtest_test

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"dss.example/common/kv"
)

type handler = func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response

// always makes the same handler for each store: one without memory.
func always(h handler) func() handler { return func() handler { return h } }

// before changes a request on its way in.
func before(change func(req *kv.Request)) func() handler {
	return always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		other := *req
		change(&other)
		return next.Do(ctx, &other)
	})
}

// after changes an answer on its way out.
func after(change func(req *kv.Request, resp *kv.Response)) func() handler {
	return always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		change(req, resp)
		return resp
	})
}

// outside is a request without the circumstances of another.
func outside(op kv.Op) *kv.Request { return &kv.Request{Op: op} }

func get(next kv.Store, key string) *kv.Item {
	if it, ok := next.Do(context.Background(), outside(kv.Get{Key: key})).Result.(kv.Item); ok {
		return &it
	}
	return nil
}

// split does the operations of a transaction one after another.
func split(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
	txn, ok := req.Op.(kv.Txn)
	if !ok || kv.Check(req) != nil {
		return next.Do(ctx, req)
	}
	probe := next.Do(ctx, outside(kv.Txn{If: txn.If}))
	res, _ := probe.Result.(kv.TxnResult)
	branch := txn.Then
	if !res.Succeeded {
		branch = txn.Else
	}
	resp := &kv.Response{Status: kv.OK, Rev: probe.Rev}
	for _, op := range branch {
		runtime.Gosched()
		one := next.Do(ctx, outside(op))
		if one.Status != kv.OK && one.Status != kv.NotFound {
			return one
		}
		resp.Rev = one.Rev
		res.Outcomes = append(res.Outcomes, kv.Outcome{Status: one.Status, Result: one.Result})
	}
	resp.Result = res
	return resp
}

var wrongStores = []wrong{
	{"delete forgets to delete", "a key holds what was put last", before(func(req *kv.Request) {
		if del, ok := req.Op.(kv.Delete); ok {
			req.Op = kv.Get{Key: del.Key}
		}
	})},
	{"empty is missing", "an empty value is not a missing key;random reads and writes are as the model's", after(func(_ *kv.Request, resp *kv.Response) {
		if it, ok := resp.Result.(kv.Item); ok && len(it.Value) == 0 && resp.Status == kv.OK {
			resp.Status, resp.Result = kv.NotFound, nil
		}
	})},
	{"keys are strings of C", "keys of any bytes are in order of bytes", before(func(req *kv.Request) {
		if put, ok := req.Op.(kv.Put); ok && len(put.Key) > 1 {
			put.Key, _, _ = strings.Cut(put.Key[1:], "\x00")
			put.Key = req.Op.(kv.Put).Key[:1] + put.Key
			req.Op = put
		}
	})},
	{"too long a value is cut", "the largest key and value fit and one byte more does not", before(func(req *kv.Request) {
		if put, ok := req.Op.(kv.Put); ok && len(put.Value) > kv.MaxValue {
			put.Value = put.Value[:kv.MaxValue]
			req.Op = put
		}
	})},
	{"a bad transaction is half done", "bad input is refused and changes nothing", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if txn, ok := req.Op.(kv.Txn); ok && kv.Check(req) != nil && len(txn.Then) > 0 && txn.Then[0] != nil {
			next.Do(ctx, outside(txn.Then[0]))
		}
		return next.Do(ctx, req)
	})},
	{"error kinds are alike", "bad input is refused and changes nothing;a revision that is not yet is refused;what needs a lease that is not there is refused", after(func(_ *kv.Request, resp *kv.Response) {
		if resp.Status > kv.Maybe {
			resp.Status = kv.Invalid
		}
	})},
	{"only the default level is served", "weaker levels are served", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if req.Level != kv.LevelDefault && req.Level <= kv.StrictSerializable {
			return kv.Refuse(kv.Unsupported, "level")
		}
		return next.Do(ctx, req)
	})},
	{"keeps the request's bytes", "the store keeps nothing of a request", func() handler {
		kept := map[string][]byte{}
		return func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			resp := next.Do(ctx, req)
			switch op := req.Op.(type) {
			case kv.Put:
				kept[op.Key] = op.Value
			case kv.Get:
				if it, ok := resp.Result.(kv.Item); ok && kept[op.Key] != nil {
					it.Value = kept[op.Key]
					resp.Result = it
				}
			}
			return resp
		}
	}},
	{"hands out its own bytes", "the bytes of an answer belong to the caller", func() handler {
		cache := map[string]*kv.Response{}
		return func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			op, ok := req.Op.(kv.Get)
			if !ok {
				clear(cache)
				return next.Do(ctx, req)
			}
			if cache[op.Key] == nil {
				cache[op.Key] = next.Do(ctx, req)
			}
			return cache[op.Key]
		}
	}},
	{"append tells the length of what was added", "an append adds to the end;random appends, compares and transactions are as the model's", after(func(req *kv.Request, resp *kv.Response) {
		if op, ok := req.Op.(kv.Append); ok && resp.Status == kv.OK {
			resp.Result = kv.Length{Bytes: len(op.Value)}
		}
	})},
	{"stat counts writes", "stat counts what the store holds", after(func(_ *kv.Request, resp *kv.Response) {
		if s, ok := resp.Result.(kv.Stats); ok {
			s.Keys = resp.Rev.Lo
			resp.Result = s
		}
	})},
	{"the hash has a grain of salt", "equal stores have equal hashes", salted(func(salt byte) handler {
		return func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			resp := next.Do(ctx, req)
			if s, ok := resp.Result.(kv.Stats); ok && len(s.Hash) > 0 {
				s.Hash[0] ^= salt
				resp.Result = s
			}
			return resp
		}
	})},
	{"a delete of nothing makes a revision", "each change makes one revision;a transaction makes one revision", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		_, isTxn := req.Op.(kv.Txn)
		if _, isDelete := req.Op.(kv.Delete); isDelete && resp.Status == kv.NotFound || isTxn {
			next.Do(ctx, outside(kv.Put{Key: "tmp"}))
			resp.Rev = next.Do(ctx, outside(kv.Delete{Key: "tmp"})).Rev
		}
		return resp
	})},

	{"scan includes its end", "a scan finds the keys of its range with every flag;random operations of all kinds are as the model's", before(func(req *kv.Request) {
		if scan, ok := req.Op.(kv.Scan); ok && scan.To != "" && len(scan.To) <= kv.MaxKey {
			scan.To += "\x00"
			req.Op = scan
		}
	})},
	{"scan never says more", "pages of a scan make up the whole;pages at one revision see nothing of later writes", after(func(_ *kv.Request, resp *kv.Response) {
		if items, ok := resp.Result.(kv.Items); ok {
			items.More = false
			resp.Result = items
		}
	})},
	{"scan reads the present", "pages at one revision see nothing of later writes;old revisions can be read", before(func(req *kv.Request) {
		if _, ok := req.Op.(kv.Scan); ok {
			req.At = kv.Version{}
		}
	})},
	{"scan has no bound", "a scan without a limit is bounded", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		scan, ok := req.Op.(kv.Scan)
		items, _ := resp.Result.(kv.Items)
		if ok && scan.Limit == 0 && items.More {
			scan.From = items.List[len(items.List)-1].Key + "\x00"
			rest, _ := next.Do(ctx, outside(scan)).Result.(kv.Items)
			items.List, items.More = append(items.List, rest.List...), false
			resp.Result = items
		}
		return resp
	})},

	{"cas with no version always writes", "cas writes only over the version it was told", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if op, ok := req.Op.(kv.CAS); ok && op.Old.IsZero() {
			other := *req
			other.Op = kv.Put{Key: op.Key, Value: op.Value, Lease: op.Lease}
			return next.Do(ctx, &other)
		}
		return next.Do(ctx, req)
	})},
	{"versions count from one for each key", "a key made anew has a new version", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if op, ok := req.Op.(kv.CAS); ok {
			if it := get(next, op.Key); it != nil && it.Count == op.Old.Lo {
				op.Old = it.Mod
				return next.Do(ctx, outside(op))
			}
		}
		resp := next.Do(ctx, req)
		if it, ok := resp.Result.(kv.Item); ok {
			it.Mod, it.Create = kv.Version{Lo: it.Count}, kv.Version{Lo: 1}
			resp.Result = it
		}
		return resp
	})},
	{"less means different", "a transaction compares every property in every relation", before(func(req *kv.Request) {
		if txn, ok := req.Op.(kv.Txn); ok {
			txn.If = slices.Clone(txn.If)
			for i := range txn.If {
				if txn.If[i].Relation == kv.Less {
					txn.If[i].Relation = kv.NotEqual
				}
			}
			req.Op = txn
		}
	})},
	{"one condition is enough", "all conditions must hold", before(func(req *kv.Request) {
		if txn, ok := req.Op.(kv.Txn); ok && len(txn.If) > 1 {
			txn.If = txn.If[:1]
			req.Op = txn
		}
	})},
	{"else is done on success, too", "all conditions must hold", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if txn, ok := req.Op.(kv.Txn); ok && resp.Status == kv.OK && resp.Result.(kv.TxnResult).Succeeded {
			next.Do(ctx, outside(kv.Txn{Then: txn.Else}))
		}
		return resp
	})},
	{"a branch reads before it writes", "operations of a branch see those before them", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		txn, ok := req.Op.(kv.Txn)
		if !ok {
			return next.Do(ctx, req)
		}
		reads := kv.Txn{If: txn.If}
		for _, op := range txn.Then {
			if !kv.ReadOnly(op) {
				op = kv.Get{Key: "nothing"}
			}
			reads.Then = append(reads.Then, op)
		}
		old, _ := next.Do(ctx, outside(reads)).Result.(kv.TxnResult)
		resp := next.Do(ctx, req)
		res, _ := resp.Result.(kv.TxnResult)
		for i := range old.Outcomes {
			if kv.ReadOnly(txn.Then[i]) && res.Succeeded {
				res.Outcomes[i] = old.Outcomes[i]
			}
		}
		return resp
	})},
	{"a transaction is done in steps", "a transaction makes one revision;a transaction that is refused does nothing;events of one transaction stay together;money moves between keys and is never lost;concurrent transactions are strictly serializable", always(split)},
	{"one operation less than may be", "the largest transaction fits", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if txn, ok := req.Op.(kv.Txn); ok && len(txn.Then) >= kv.MaxTxnOps {
			return kv.Refuse(kv.TooLarge, "")
		}
		return next.Do(ctx, req)
	})},

	{"the past is one revision off", "old revisions can be read;random reads of the past are as the model's", before(func(req *kv.Request) {
		if req.At.Lo > 1 {
			req.At.Lo--
		}
	})},
	{"old revisions read the present", "old revisions can be read", before(func(req *kv.Request) { req.At = kv.Version{} })},
	{"the future is the present", "a revision that is not yet is refused", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if resp.Status == kv.FutureRev {
			return next.Do(ctx, outside(req.Op))
		}
		return resp
	})},
	{"the forgotten is the present", "what is older than the history is compacted", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if resp.Status == kv.Compacted {
			return next.Do(ctx, outside(req.Op))
		}
		return resp
	})},
	{"a slow watcher is not told", "what is older than the history is compacted", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if op, ok := req.Op.(kv.Events); ok && resp.Status == kv.Compacted {
			op.After = kv.Version{}
			return next.Do(ctx, outside(op))
		}
		return resp
	})},

	{"deletions are not watched", "a watch sees every change once and in order", before(func(req *kv.Request) {
		if op, ok := req.Op.(kv.Events); ok && op.Only == 0 {
			op.Only = kv.EventPut
			req.Op = op
		}
	})},
	{"previous is what is there now", "a watch sees every change once and in order", after(func(_ *kv.Request, resp *kv.Response) {
		events, _ := resp.Result.(kv.EventList)
		for i, e := range events.List {
			if e.Previous != nil {
				events.List[i].Previous = &e.Item
			}
		}
	})},
	{"next is the present", "a watch goes on from where it stopped;watchers beside writers miss nothing", after(func(_ *kv.Request, resp *kv.Response) {
		if events, ok := resp.Result.(kv.EventList); ok {
			events.Next = resp.Rev
			resp.Result = events
		}
	})},
	{"an event is seen twice", "a watch goes on from where it stopped", before(func(req *kv.Request) {
		if op, ok := req.Op.(kv.Events); ok && op.After.Lo > 2 {
			op.After.Lo--
			req.Op = op
		}
	})},
	{"from now on means from the start", "a watch from now on starts now", before(func(req *kv.Request) {
		if op, ok := req.Op.(kv.Events); ok && op.After.IsZero() {
			op.After.Lo = 1
			req.Op = op
		}
	})},
	{"max cuts through a transaction", "events of one transaction stay together", after(func(req *kv.Request, resp *kv.Response) {
		op, _ := req.Op.(kv.Events)
		if events, ok := resp.Result.(kv.EventList); ok && op.Max > 0 && len(events.List) > op.Max {
			events.List = events.List[:op.Max]
			resp.Result = events
		}
	})},
	{"who waits misses it", "a waiting watch is woken by a change", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if op, ok := req.Op.(kv.Events); ok && req.Wait > 0 {
			other := *req
			op.From, op.To = "nothing", "nothing"
			other.Op = op
			return next.Do(ctx, &other)
		}
		return next.Do(ctx, req)
	})},
	{"waits for ever", "a watch waits no longer than it may", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if req.Wait > 0 && req.Wait <= kv.MaxWait {
			<-ctx.Done()
		}
		return next.Do(ctx, req)
	})},

	{"keys outlive their lease", "a lease that is revoked takes its keys along;a key goes with the lease it was put under last", before(func(req *kv.Request) {
		if put, ok := req.Op.(kv.Put); ok {
			put.Lease = 0
			req.Op = put
		}
	})},
	{"leases end early", "a lease ends when it is not kept alive, and not before;a lease that is kept alive lives on", grants(func(g kv.Grant) kv.Grant { g.TTL /= 4; return g })},
	{"leases never end", "a lease ends when it is not kept alive, and not before;the end of a lease is one revision with its deletions", grants(func(g kv.Grant) kv.Grant { g.TTL *= 1000; return g })},
	{"keeping alive does nothing", "a lease that is kept alive lives on", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		op, ok := req.Op.(kv.KeepAlive)
		if !ok {
			return next.Do(ctx, req)
		}
		resp := next.Do(ctx, outside(kv.Leases{Lease: op.Lease}))
		if list, ok := resp.Result.(kv.LeaseList); ok {
			info := list.List[0]
			resp.Result = kv.LeaseInfo{ID: info.ID, TTL: info.TTL, Left: info.TTL}
		}
		return resp
	})},
	{"a key stays with its first lease", "a key goes with the lease it was put under last;random leases are as the model's", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if put, ok := req.Op.(kv.Put); ok && put.Lease != 0 {
			if it := get(next, put.Key); it != nil && it.Lease != 0 {
				put.Lease = it.Lease
				return next.Do(ctx, outside(put))
			}
		}
		return next.Do(ctx, req)
	})},
	{"a lease does not know its keys", "leases can be listed", after(func(_ *kv.Request, resp *kv.Response) {
		list, _ := resp.Result.(kv.LeaseList)
		for i := range list.List {
			list.List[i].Keys = nil
		}
	})},
	{"a lease that is not there is none", "what needs a lease that is not there is refused", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if put, ok := req.Op.(kv.Put); ok && resp.Status == kv.NoLease {
			put.Lease = 0
			return next.Do(ctx, outside(put))
		}
		return resp
	})},
	{"a lease's keys go one by one", "the end of a lease is one revision with its deletions", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		if op, ok := req.Op.(kv.Revoke); ok {
			list, _ := next.Do(ctx, outside(kv.Leases{Lease: op.Lease})).Result.(kv.LeaseList)
			for _, info := range list.List {
				for _, key := range info.Keys {
					next.Do(ctx, outside(kv.Delete{Key: key}))
				}
			}
		}
		return next.Do(ctx, req)
	})},

	{"a repetition is executed", "a repeated request is executed once and answered alike;answers are remembered until they are acknowledged;numbers of a session may come in any order;random repetitions are as the model's", before(func(req *kv.Request) {
		req.Session, req.Seq, req.Acked = 0, 0, 0
	})},
	{"a repetition is answered with the present revision", "a repeated request is executed once and answered alike;random repetitions are as the model's", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if req.Session != 0 && resp.Status == kv.OK {
			resp.Rev = next.Do(ctx, outside(kv.Scan{CountOnly: true})).Rev
		}
		return resp
	})},
	{"repetitions are looked up outside the lock", "a request repeated at the same time is executed once", func() handler {
		var answers sync.Map
		return func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			if req.Session == 0 {
				return next.Do(ctx, req)
			}
			if old, ok := answers.Load(req.Seq); ok {
				return old.(*kv.Response)
			}
			runtime.Gosched()
			resp := next.Do(ctx, outside(req.Op))
			answers.Store(req.Seq, resp)
			return resp
		}
	}},
	{"a late copy is executed", "a copy that comes after its answer was acknowledged is not executed", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if resp.Status == kv.Forgotten {
			return next.Do(ctx, outside(req.Op))
		}
		return resp
	})},
	{"only the last answer is remembered", "answers are remembered until they are acknowledged;numbers of a session may come in any order", func() handler {
		last := map[uint64]uint64{}
		return func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			if req.Seq < last[req.Session] {
				return kv.Refuse(kv.Forgotten, "")
			}
			last[req.Session] = req.Seq
			return next.Do(ctx, req)
		}
	}},
	{"nobody needs a session", "a session that is not there is refused;a session ends when it is not used, and not before;a closed session is gone", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if resp.Status == kv.NoSession {
			return next.Do(ctx, outside(req.Op))
		}
		return resp
	})},
	{"sessions end early", "a session ends when it is not used, and not before", func() handler {
		return func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			op, ok := req.Op.(kv.OpenSession)
			if !ok || op.TTL < kv.MinTTL || op.TTL > kv.MaxTTL {
				return next.Do(ctx, req)
			}
			resp := next.Do(ctx, outside(kv.OpenSession{TTL: op.TTL / 4}))
			info := resp.Result.(kv.SessionInfo)
			info.TTL = op.TTL
			resp.Result = info
			return resp
		}
	}},
	{"a session never closes", "a closed session is gone", before(func(req *kv.Request) {
		if _, ok := req.Op.(kv.CloseSession); ok {
			req.Op = kv.Expire{}
		}
	})},
	{"a session is never full", "a session holds so many answers and no more", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		resp := next.Do(ctx, req)
		if resp.Status == kv.Overloaded {
			return next.Do(ctx, outside(req.Op))
		}
		return resp
	})},
	{"every request starts a new life of its key", "random operations of all kinds are as the model's;random appends, compares and transactions are as the model's", after(func(_ *kv.Request, resp *kv.Response) {
		if it, ok := resp.Result.(kv.Item); ok {
			it.Count = 1
			resp.Result = it
		}
	})},

	{"reads come from a cache", "concurrent operations are linearizable;concurrent operations on one key are linearizable", func() handler {
		var n atomic.Int64
		var cache sync.Map
		return func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			op, ok := req.Op.(kv.Get)
			if !ok {
				return next.Do(ctx, req)
			}
			if old, ok := cache.Load(op.Key); ok && n.Add(1)%8 != 0 {
				return old.(*kv.Response)
			}
			resp := next.Do(ctx, req)
			cache.Store(op.Key, resp)
			return resp
		}
	}},
	{"answers are swapped", "callers get their own answers", func() handler {
		var n atomic.Int64
		var last atomic.Pointer[kv.Response]
		return func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
			resp := next.Do(ctx, req)
			if _, ok := req.Op.(kv.Get); !ok {
				return resp
			}
			if old := last.Swap(resp); old != nil && n.Add(1)%20 == 0 {
				return old
			}
			return resp
		}
	}},
	{"append reads, then writes", "concurrent appends are each done once", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		op, ok := req.Op.(kv.Append)
		if !ok {
			return next.Do(ctx, req)
		}
		var old []byte
		if it := get(next, op.Key); it != nil {
			old = it.Value
		}
		runtime.Gosched()
		whole := slices.Concat(old, op.Value)
		resp := next.Do(ctx, outside(kv.Put{Key: op.Key, Value: whole}))
		resp.Result = kv.Length{Bytes: len(whole)}
		return resp
	})},
	{"cas checks outside the lock", "no increment by compare and swap is lost", always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		op, ok := req.Op.(kv.CAS)
		if !ok {
			return next.Do(ctx, req)
		}
		it := get(next, op.Key)
		runtime.Gosched()
		if it == nil || it.Mod != op.Old {
			return &kv.Response{Status: kv.Conflict}
		}
		return next.Do(ctx, outside(kv.Put{Key: op.Key, Value: bytes.Clone(op.Value)}))
	})},
	{"a transaction checks outside the lock", "transactions do not read what others then write", always(split)},
}

// salted gives each store it makes another byte.
func salted(h func(salt byte) handler) func() handler {
	var salt byte
	return func() handler {
		salt++
		return h(salt)
	}
}

// grants changes what is granted and hides it.
func grants(change func(kv.Grant) kv.Grant) func() handler {
	return always(func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
		op, ok := req.Op.(kv.Grant)
		if !ok || op.TTL < kv.MinTTL || op.TTL > kv.MaxTTL {
			return next.Do(ctx, req)
		}
		resp := next.Do(ctx, outside(change(op)))
		if info, ok := resp.Result.(kv.LeaseInfo); ok {
			info.Left = info.Left * op.TTL / info.TTL
			info.TTL = op.TTL
			resp.Result = info
		}
		return resp
	})
}
