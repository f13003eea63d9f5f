package kvtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/kv"
)

// Cases of many callers at once. Their histories are judged by package check;
// there are at most ten callers a key, so that every history can be.

var concurrentCases = []entry{
	{name: "concurrent operations are linearizable", level: kv.Linearizable, do: func(j *judge) { j.concurrent(6, 3) }},
	{name: "concurrent operations on one key are linearizable", level: kv.Linearizable, do: func(j *judge) { j.concurrent(8, 1) }},
	{name: "callers get their own answers", level: kv.Linearizable, do: ownAnswers},
	{name: "concurrent appends are each done once", level: kv.Linearizable, needs: kv.CapAppend, do: concurrentAppends},
	{name: "no increment by compare and swap is lost", level: kv.Linearizable, needs: kv.CapCompare, do: casCounter},
	{name: "transactions do not read what others then write", level: kv.StrictSerializable, needs: kv.CapCompare, do: writeSkew},
	{name: "money moves between keys and is never lost", level: kv.StrictSerializable, needs: kv.CapCompare, do: transfers},
	{name: "concurrent transactions are strictly serializable", level: kv.StrictSerializable, needs: kv.CapCompare, do: concurrentTxns},
}

// recorded lets n callers each do some operations and returns what they saw.
func (j *judge) recorded(n, each int, next func(caller, i int, rng *rand.Rand, rec *check.Recorder)) *check.Recorder {
	var rec check.Recorder
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = j.rng.Uint64()
	}
	j.w.Parallel(n, func(caller int) {
		rng := rand.New(rand.NewPCG(seeds[caller], 0))
		for i := range each {
			next(caller, i, rng, &rec)
		}
	})
	return &rec
}

// note sends an operation once, exactly as it is, and writes it down.
func (j *judge) note(rec *check.Recorder, caller int, op kv.Op) *kv.Response {
	return rec.Do(context.Background(), caller, j.w.Store(caller), &kv.Request{Op: op})
}

// linearizable checks what a recorder has noted down.
func (j *judge) linearizable(r *check.Recorder) {
	j.Helper()
	rule := check.Linearizable
	if j.caps.Level >= kv.StrictSerializable {
		rule = check.StrictlySerializable
	}
	require.NoError(j, rule(r.History(), j.caps))
}

func (j *judge) concurrent(callers, keys int) {
	rec := j.recorded(callers, j.ops/callers/2, func(caller, i int, rng *rand.Rand, rec *check.Recorder) {
		key := fmt.Sprint("key", rng.IntN(keys))
		value := fmt.Append(nil, caller, ".", i)
		op := kv.Op(kv.Get{Key: key})
		switch rng.IntN(8) {
		case 0, 1:
			op = kv.Put{Key: key, Value: value}
		case 2:
			op = kv.Delete{Key: key}
		case 3:
			if j.has(kv.CapAppend) && rng.IntN(3) == 0 { // values stay short: a put follows soon
				op = kv.Append{Key: key, Value: value}
			}
		case 4:
			if j.has(kv.CapCompare) {
				it, _ := j.note(rec, caller, op).Result.(kv.Item)
				op = kv.CAS{Key: key, Old: it.Mod, Value: value}
			}
		}
		j.note(rec, caller, op)
	})
	j.linearizable(rec)
}

// ownAnswers gives each caller a key of its own: an answer to another's request
// shows at once.
func ownAnswers(j *judge) {
	const callers = 8
	wrong := make([]string, callers)
	j.w.Parallel(callers, func(caller int) {
		key := fmt.Sprint("key", caller)
		for i := range j.ops / callers / 2 {
			value := fmt.Sprint(caller, ".", i)
			j.send(caller, kv.Request{Op: kv.Put{Key: key, Value: []byte(value)}})
			resp := j.send(caller, kv.Request{Op: kv.Get{Key: key}})
			it, _ := resp.Result.(kv.Item)
			if it.Key != key || string(it.Value) != value {
				wrong[caller] = fmt.Sprintf("caller %d put %q=%q, then read %s %q=%q", caller, key, value, resp.Status, it.Key, it.Value)
				return
			}
		}
	})
	for _, w := range wrong {
		require.Empty(j, w)
	}
}

func concurrentAppends(j *judge) {
	rec := j.recorded(6, max(j.ops/60, 10), func(caller, i int, _ *rand.Rand, rec *check.Recorder) {
		j.note(rec, caller, kv.Append{Key: fmt.Sprint("key", i%2), Value: fmt.Appendf(nil, "<%d.%d>", caller, i)})
	})
	j.linearizable(rec)
	final := j.must(kv.OK, kv.Scan{}).Result.(kv.Items).List
	require.NoError(j, check.Appends(rec.History(), final))
}

func casCounter(j *judge) {
	const callers = 6
	n := max(j.ops/60, 10)
	j.put("n", "0")
	j.w.Parallel(callers, func(caller int) {
		for range n {
			if !increment(j, caller, callers*n) {
				return
			}
		}
	})
	j.holds("n", fmt.Sprint(callers*n))
}

// increment adds one to the counter. It reports false if that fails more often than
// others can have been faster.
func increment(j *judge, caller, tries int) bool {
	for range tries {
		it, _ := j.send(caller, kv.Request{Op: kv.Get{Key: "n"}}).Result.(kv.Item)
		count, _ := strconv.Atoi(string(it.Value))
		if j.send(caller, kv.Request{Op: kv.CAS{Key: "n", Old: it.Mod, Value: fmt.Append(nil, count+1)}}).Status == kv.OK {
			return true
		}
	}
	return false
}

// writeSkew lets pairs of transactions each clear one of two flags if the other is
// still set: at most one may.
func writeSkew(j *judge) {
	for range max(j.ops/20, 10) {
		j.must(kv.OK, kv.Txn{Then: []kv.Op{kv.Put{Key: "x", Value: []byte("1")}, kv.Put{Key: "y", Value: []byte("1")}}})
		clears := func(guard, key string) kv.Request {
			return kv.Request{Op: kv.Txn{If: []kv.Compare{is(guard, "1")}, Then: []kv.Op{kv.Put{Key: key, Value: []byte("0")}}}}
		}
		j.w.Parallel(2, func(i int) {
			if i == 0 {
				j.send(0, clears("x", "y"))
			} else {
				j.send(1, clears("y", "x"))
			}
		})
		require.NotEqual(j, map[string]string{"x": "0", "y": "0"}, j.contents(0), "both transactions saw the other's flag set")
	}
}

// transfers moves money between two keys while others look at both at once.
func transfers(j *judge) {
	amount := func(n int) kv.Op { return kv.Put{Key: "x", Value: fmt.Append(nil, n)} }
	rest := func(n int) kv.Op { return kv.Put{Key: "y", Value: fmt.Append(nil, 100-n)} }
	j.must(kv.OK, kv.Txn{Then: []kv.Op{amount(50), rest(50)}})
	wrong := make([]string, 4)
	looks := []kv.Op{kv.Scan{}, kv.Txn{Then: []kv.Op{kv.Get{Key: "x"}, kv.Get{Key: "y"}}}, kv.Txn{Then: []kv.Op{kv.Get{Key: "y"}, kv.Scan{To: "y"}}}}
	j.w.Parallel(4, func(caller int) {
		for i := range max(j.ops/20, 10) {
			if caller < 2 {
				j.send(caller, kv.Request{Op: kv.Txn{Then: []kv.Op{amount((i + caller) % 100), rest((i + caller) % 100)}}})
				continue
			}
			op := looks[i%len(looks)]
			if sum, seen := money(j.send(caller, kv.Request{Op: op}).Result); sum != 100 || seen != 2 {
				wrong[caller] = fmt.Sprintf("%s saw %d keys with %d in all: want 2 with 100", describe(op), seen, sum)
			}
		}
	})
	for _, w := range wrong {
		require.Empty(j, w)
	}
}

// money adds up the values in a Result.
func money(r kv.Result) (sum, seen int) {
	switch r := r.(type) {
	case kv.Item:
		n, _ := strconv.Atoi(string(r.Value))
		return n, 1
	case kv.Items:
		for _, it := range r.List {
			n, k := money(it)
			sum, seen = sum+n, seen+k
		}
	case kv.TxnResult:
		for _, o := range r.Outcomes {
			n, k := money(o.Result)
			sum, seen = sum+n, seen+k
		}
	}
	return sum, seen
}

func concurrentTxns(j *judge) {
	rec := j.recorded(4, max(j.ops/30, 10), func(caller, i int, rng *rand.Rand, rec *check.Recorder) {
		a, b := fmt.Sprint("key", rng.IntN(3)), fmt.Sprint("key", rng.IntN(3))
		value := fmt.Append(nil, caller, ".", i)
		var op kv.Op = kv.Txn{
			If:   []kv.Compare{{Key: a, Target: kv.TargetCount, Relation: kv.Less, Number: uint64(rng.IntN(8))}},
			Then: []kv.Op{kv.Put{Key: a, Value: value}, kv.Get{Key: b}, kv.Put{Key: b, Value: value}},
			Else: []kv.Op{kv.Delete{Key: a}, kv.Get{Key: b}},
		}
		switch rng.IntN(4) {
		case 0:
			op = kv.Scan{}
		case 1:
			op = kv.Txn{Then: []kv.Op{kv.Get{Key: a}, kv.Get{Key: b}}}
		}
		j.note(rec, caller, op)
	})
	j.linearizable(rec)
}
