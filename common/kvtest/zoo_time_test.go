package kvtest_test

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"dss.example/common/kv"
)

// timeBugs are wrong about history, leases, sessions and concurrency.
var timeBugs = []wrong{
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
		resp := next.Do(ctx, outside(kv.Leases(op)))
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
			list, _ := next.Do(ctx, outside(kv.Leases(op))).Result.(kv.LeaseList)
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
