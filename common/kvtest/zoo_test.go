package kvtest_test

import (
	"context"
	"runtime"
	"slices"
	"strings"

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

// keyBugs are wrong about keys, scans and transactions.
var keyBugs = []wrong{
	{"delete forgets to delete", "a key holds what was put last", before(func(req *kv.Request) {
		if del, ok := req.Op.(kv.Delete); ok {
			req.Op = kv.Get(del)
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
