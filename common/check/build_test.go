package check_test

import (
	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// The histories of these tests are written by hand, one line an operation: client,
// call, return, then what it did. A return of -1 means that none came.

var (
	plain = kv.Caps{Level: kv.Linearizable, Has: kv.CapAppend | kv.CapCompare}
	revs  = kv.Caps{Level: kv.StrictSerializable, Has: kv.CapAppend | kv.CapCompare | kv.CapRevisions}
)

func m(t int64) machine.Time { return machine.Time(t) }

func op(client int, call, ret machine.Time, o kv.Op, resp *kv.Response) check.Op {
	return check.Op{Client: client, Call: call, Return: ret, Req: &kv.Request{Op: o}, Resp: resp}
}

func ok(rev uint64) *kv.Response { return &kv.Response{Status: kv.OK, Rev: kv.Version{Lo: rev}} }

func status(s kv.Status, rev uint64) *kv.Response {
	return &kv.Response{Status: s, Rev: kv.Version{Lo: rev}}
}

func with(resp *kv.Response, r kv.Result) *kv.Response {
	resp.Result = r
	return resp
}

// put wrote value; rev 0 tells no revision.
func put(client int, call, ret machine.Time, key, value string, rev uint64) check.Op {
	return op(client, call, ret, kv.Put{Key: key, Value: []byte(value)}, ok(rev))
}

// lost sent o and never heard of it again.
func lost(client int, call machine.Time, o kv.Op) check.Op {
	return op(client, call, check.Never, o, nil)
}

func item(key, value string, mod uint64) kv.Item {
	return kv.Item{Key: key, Value: []byte(value), Mod: kv.Version{Lo: mod}}
}

// get read value of version mod, or nothing if value is empty.
func get(client int, call, ret machine.Time, key, value string, mod, rev uint64) check.Op {
	if value == "" {
		return op(client, call, ret, kv.Get{Key: key}, status(kv.NotFound, rev))
	}
	return op(client, call, ret, kv.Get{Key: key}, with(ok(rev), item(key, value, mod)))
}

func scan(client int, call, ret machine.Time, rev uint64, items ...kv.Item) check.Op {
	return op(client, call, ret, kv.Scan{}, with(ok(rev), kv.Items{List: items, Count: len(items)}))
}

func appended(client int, call, ret machine.Time, key, value string, length int, rev uint64) check.Op {
	return op(client, call, ret, kv.Append{Key: key, Value: []byte(value)}, with(ok(rev), kv.Length{Bytes: length}))
}

func cas(key, value string, old uint64) kv.CAS {
	return kv.CAS{Key: key, Value: []byte(value), Old: kv.Version{Lo: old}}
}

func txn(succeeded bool, outcomes ...kv.Outcome) kv.TxnResult {
	return kv.TxnResult{Succeeded: succeeded, Outcomes: outcomes}
}

func wrote(key, value string) kv.Put { return kv.Put{Key: key, Value: []byte(value)} }

var fine = kv.Outcome{Status: kv.OK}

func found(key, value string, mod uint64) kv.Outcome {
	return kv.Outcome{Status: kv.OK, Result: item(key, value, mod)}
}

type example struct {
	name string
	h    check.History
	bad  string // a part of the error's text; empty for a good history
}
