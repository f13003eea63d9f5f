package kvtest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

var historyCases = []entry{
	{name: "old revisions can be read", needs: kv.CapRevisions, do: oldRevisions},
	{name: "a revision that is not yet is refused", needs: kv.CapRevisions, do: futureRevision},
	{name: "what is older than the history is compacted", needs: kv.CapRevisions, do: compacted},
}

func oldRevisions(j *judge) {
	o := j.newOracle()
	first := o.op(kv.Put{Key: "a", Value: []byte("0")}).Rev
	for i := range 20 {
		o.op(kv.Put{Key: fmt.Sprint(i % 3), Value: fmt.Append(nil, i)})
		if i%4 == 3 {
			o.op(kv.Delete{Key: fmt.Sprint(i % 3)})
		}
	}
	for at := first; at.Compare(o.model.Rev()) <= 0; at.Lo++ {
		for _, op := range []kv.Op{kv.Scan{}, kv.Get{Key: "0"}, kv.Get{Key: "a"}, kv.Scan{Descending: true, Limit: 2, KeysOnly: true}} {
			o.follow(kv.Request{At: at, Op: op})
		}
	}
	o.op(kv.Scan{})
}

func futureRevision(j *judge) {
	rev := j.put("a", "1")
	rev.Lo++
	for _, op := range []kv.Op{kv.Get{Key: "a"}, kv.Get{Key: "b"}, kv.Scan{}} {
		j.mustAsk(kv.FutureRev, kv.Request{At: rev, Op: op})
		j.mustAsk(kv.FutureRev, kv.Request{At: kv.Version{Hi: rev.Hi, Lo: rev.Lo + 1<<40}, Op: op})
	}
	j.put("a", "2")
	got := j.mustAsk(kv.OK, kv.Request{At: rev, Op: kv.Get{Key: "a"}}).Result.(kv.Item)
	require.Equal(j, "2", string(got.Value))
}

// compacted writes until the first revision is forgotten; a store that keeps more
// than the case has patience for passes.
func compacted(j *judge) {
	first := j.put("k", "0")
	for n := 1; ; n++ {
		if n > 10*j.ops {
			j.Logf("all of %d revisions are still kept", n)
			return
		}
		j.put("k", fmt.Sprint(n))
		if n&(n-1) != 0 && n%1000 != 0 {
			continue
		}
		resp := j.ask(0, kv.Request{At: first, Op: kv.Get{Key: "k"}})
		if resp.Status == kv.Compacted {
			break
		}
		require.Equal(j, kv.OK.String(), resp.Status.String(), resp.Detail)
		require.Equal(j, "0", string(resp.Result.(kv.Item).Value), "at the first revision")
	}
	j.mustAsk(kv.Compacted, kv.Request{At: first, Op: kv.Scan{}})
	now := j.must(kv.OK, kv.Get{Key: "k"})
	same := j.mustAsk(kv.OK, kv.Request{At: now.Rev, Op: kv.Get{Key: "k"}})
	require.Equal(j, now.Result, same.Result, "the present revision can always be read")
	if j.has(kv.CapStat) {
		oldest := j.stat(false).Oldest
		require.Positive(j, oldest.Compare(first))
		it := j.mustAsk(kv.OK, kv.Request{At: oldest, Op: kv.Get{Key: "k"}}).Result.(kv.Item)
		require.Equal(j, fmt.Sprint(oldest.Lo-first.Lo), string(it.Value), "at the oldest revision")
		oldest.Lo--
		j.mustAsk(kv.Compacted, kv.Request{At: oldest, Op: kv.Get{Key: "k"}})
	}
	if j.has(kv.CapWatch) {
		j.must(kv.Compacted, kv.Events{After: first})
	}
}
