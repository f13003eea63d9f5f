package kvtest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

var compareCases = []entry{
	{name: "cas writes only over the version it was told", needs: kv.CapCompare, do: casVersions},
	{name: "a key made anew has a new version", needs: kv.CapCompare, do: casABA},
	{name: "a transaction compares every property in every relation", needs: kv.CapCompare, do: txnCompares},
	{name: "all conditions must hold", needs: kv.CapCompare, do: txnConditions},
	{name: "operations of a branch see those before them", needs: kv.CapCompare, do: txnOrder},
	{name: "a transaction makes one revision", needs: kv.CapCompare | kv.CapRevisions, do: txnRevision},
	{name: "a transaction that is refused does nothing", needs: kv.CapCompare | kv.CapAppend, do: txnRefused},
	{name: "the largest transaction fits", needs: kv.CapCompare, do: txnLargest},
}

func casVersions(j *judge) {
	swap := func(value string, old kv.Version) kv.CAS { return kv.CAS{Key: "k", Value: []byte(value), Old: old} }
	resp := j.must(kv.Conflict, swap("x", unheardOf))
	require.Nil(j, resp.Result, "there is no item to show")
	j.absent("k")
	j.must(kv.OK, swap("1", kv.Version{}))
	one := j.holds("k", "1")
	resp = j.must(kv.Conflict, swap("x", kv.Version{}))
	require.Equal(j, one, resp.Result, "a conflict shows the present item")
	j.holds("k", "1")
	j.must(kv.OK, swap("2", one.Mod))
	two := j.holds("k", "2")
	require.NotEqual(j, one.Mod, two.Mod)
	resp = j.must(kv.Conflict, swap("x", one.Mod))
	require.Equal(j, two, resp.Result, "a conflict shows the present item")
	j.put("k", "2")
	j.must(kv.Conflict, swap("x", two.Mod))
	j.must(kv.OK, kv.Delete{Key: "k"})
	j.must(kv.Conflict, swap("x", two.Mod))
	j.absent("k")
}

func casABA(j *judge) {
	j.put("k", "same")
	old := j.holds("k", "same")
	j.must(kv.OK, kv.Delete{Key: "k"})
	j.put("k", "same")
	now := j.holds("k", "same")
	require.NotEqual(j, old.Mod, now.Mod)
	require.NotEqual(j, old.Create, now.Create)
	require.EqualValues(j, 1, now.Count)
	j.must(kv.Conflict, kv.CAS{Key: "k", Old: old.Mod})
}

// txnCompares tries each target and relation against a value that is less, equal
// and greater, for a key that is there and one that is not.
func txnCompares(j *judge) {
	o := j.newOracle()
	o.op(kv.Put{Key: "before"})
	for _, value := range []string{"1", "2", "m"} {
		o.op(kv.Put{Key: "k", Value: []byte(value)})
	}
	o.learn("k")
	mod, create := o.model.Items()[1].Mod, o.model.Items()[1].Create
	around := func(v kv.Version) []kv.Version {
		if !o.has(kv.CapRevisions) {
			return []kv.Version{{}, v}
		}
		return []kv.Version{{}, {Hi: v.Hi, Lo: v.Lo - 1}, v, {Hi: v.Hi, Lo: v.Lo + 1}}
	}
	for _, key := range []string{"k", "missing"} {
		var all []kv.Compare
		for _, value := range []string{"", "l", "m", "m\x00", "n"} {
			all = append(all, kv.Compare{Target: kv.TargetValue, Value: []byte(value)})
		}
		for _, v := range around(mod) {
			all = append(all, kv.Compare{Target: kv.TargetMod, Version: v})
		}
		for _, v := range around(create) {
			all = append(all, kv.Compare{Target: kv.TargetCreate, Version: v})
		}
		for _, n := range []uint64{0, 2, 3, 4} {
			all = append(all, kv.Compare{Target: kv.TargetCount, Number: n}, kv.Compare{Target: kv.TargetLease, Number: n})
		}
		for _, c := range all {
			c.Key = key
			for c.Relation = kv.Equal; c.Relation <= kv.Greater; c.Relation++ {
				byVersion := c.Target == kv.TargetMod || c.Target == kv.TargetCreate
				if byVersion && c.Relation > kv.NotEqual && !o.has(kv.CapRevisions) {
					continue // versions have no order
				}
				o.op(kv.Txn{If: []kv.Compare{c}, Then: []kv.Op{kv.Get{Key: "k"}}, Else: []kv.Op{kv.Get{Key: "missing"}}})
			}
		}
	}
}

func is(key, value string) kv.Compare {
	return kv.Compare{Key: key, Target: kv.TargetValue, Relation: kv.Equal, Value: []byte(value)}
}

func txnConditions(j *judge) {
	j.put("a", "1")
	j.put("b", "1")
	all := map[string]string{"a": "1", "b": "1"}
	for i, conditions := range [][]kv.Compare{nil, {is("a", "1"), is("b", "1")}, {is("a", "1"), is("b", "2")}, {is("a", "2"), is("b", "1")}} {
		then, other := fmt.Sprint("then", i), fmt.Sprint("else", i)
		want := i < 2
		resp := j.must(kv.OK, kv.Txn{If: conditions, Then: []kv.Op{kv.Put{Key: then}}, Else: []kv.Op{kv.Put{Key: other}}})
		require.Equal(j, kv.TxnResult{Succeeded: want, Outcomes: []kv.Outcome{{Status: kv.OK}}}, resp.Result)
		if want {
			all[then] = ""
		} else {
			all[other] = ""
		}
		require.Equal(j, all, j.contents(0), "one branch is done, and the right one")
	}
}

func txnOrder(j *judge) {
	o := j.newOracle()
	o.op(kv.Put{Key: "a", Value: []byte("0")})
	set := func(value string) kv.Op { return kv.Put{Key: "a", Value: []byte(value)} }
	ops := []kv.Op{
		kv.Get{Key: "a"},
		set("1"),
		kv.Get{Key: "a"},
		set("2"),
		kv.Scan{},
		kv.Delete{Key: "a"},
		kv.Get{Key: "a"},
		kv.Delete{Key: "a"},
		set("3"),
		kv.Get{Key: "a"},
		kv.Put{Key: "b"},
		kv.Scan{Descending: true, Limit: 1},
	}
	if o.has(kv.CapAppend) {
		ops = append(ops, kv.Append{Key: "a", Value: []byte("+")}, kv.Get{Key: "a"})
	}
	o.op(kv.Txn{Then: ops})
	o.op(kv.Scan{})
	o.op(kv.Txn{If: []kv.Compare{is("a", "no")}, Then: []kv.Op{kv.Delete{Key: "b"}}, Else: ops})
	o.op(kv.Scan{})
}

func txnRevision(j *judge) {
	rev := j.put("x", "")
	resp := j.must(kv.OK, kv.Txn{Then: []kv.Op{kv.Put{Key: "a"}, kv.Put{Key: "b"}, kv.Delete{Key: "x"}}})
	rev.Lo++
	require.Equal(j, rev, resp.Rev)
	a, b := j.holds("a", ""), j.holds("b", "")
	require.Equal(j, []kv.Version{rev, rev}, []kv.Version{a.Mod, b.Mod})
	for _, nothing := range []kv.Txn{{}, {Then: []kv.Op{kv.Get{Key: "a"}}}, {Then: []kv.Op{kv.Delete{Key: "x"}}}} {
		require.Equal(j, rev, j.must(kv.OK, nothing).Rev, "nothing was changed by %s", describe(nothing))
	}
}

func txnRefused(j *judge) {
	half := make([]byte, kv.MaxValue/2+1)
	j.must(kv.OK, kv.Put{Key: "big", Value: half})
	j.put("a", "1")
	j.unchanged(func() {
		j.must(kv.TooLarge, kv.Txn{Then: []kv.Op{kv.Put{Key: "a", Value: []byte("2")}, kv.Delete{Key: "a"}, kv.Append{Key: "big", Value: half}}})
		if j.has(kv.CapLeases) {
			j.must(kv.NoLease, kv.Txn{Then: []kv.Op{kv.Put{Key: "a", Value: []byte("2")}, kv.Put{Key: "b", Lease: 999_999}}})
		}
	})
	j.holds("a", "1")
}

func txnLargest(j *judge) {
	var txn kv.Txn
	for i := range kv.MaxTxnOps {
		key := fmt.Sprintf("%03d", i)
		txn.If = append(txn.If, kv.Compare{Key: key, Target: kv.TargetCount, Relation: kv.Equal})
		txn.Then = append(txn.Then, kv.Put{Key: key, Value: []byte(key)})
		txn.Else = append(txn.Else, kv.Delete{Key: key})
	}
	require.True(j, j.must(kv.OK, txn).Result.(kv.TxnResult).Succeeded)
	require.Len(j, j.contents(0), kv.MaxTxnOps)
	require.False(j, j.must(kv.OK, txn).Result.(kv.TxnResult).Succeeded)
	require.Empty(j, j.contents(0))
}
