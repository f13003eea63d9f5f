package kvtest

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

var scanCases = []entry{
	{name: "a scan finds the keys of its range with every flag", do: scanFlags},
	{name: "pages of a scan make up the whole", do: scanPages},
	{name: "pages at one revision see nothing of later writes", needs: kv.CapRevisions, do: scanPagesAt},
	{name: "a scan without a limit is bounded", level: kv.Linearizable, do: scanBound},
}

func scanFlags(j *judge) {
	o := j.newOracle()
	for _, key := range []string{"a", "b", "b\x00", "ba", "c", "\xff"} {
		o.op(kv.Put{Key: key, Value: []byte("of " + key)})
	}
	edges := []string{"", "a", "b", "b\x00", "bb", "\xff", "\xff\xff"}
	for _, from := range edges {
		for _, to := range edges {
			if to != "" && from > to {
				continue
			}
			for flags := range 8 {
				for _, limit := range []int{0, 1, 2, 6, 7} {
					o.op(kv.Scan{
						From: from, To: to, Limit: limit,
						Descending: flags&1 != 0, KeysOnly: flags&2 != 0, CountOnly: flags&4 != 0,
					})
				}
			}
		}
	}
	o.op(kv.Scan{From: "b", To: kv.PrefixEnd("b")})
	o.op(kv.Scan{From: "\xff", To: kv.PrefixEnd("\xff")})
}

// page walks through all keys in pages of n and calls between after each.
func (j *judge) page(n int, at kv.Version, descending bool, between func()) (keys []string) {
	j.Helper()
	scan := kv.Scan{Limit: n, Descending: descending}
	for {
		found := j.mustAsk(kv.OK, kv.Request{At: at, Op: scan}).Result.(kv.Items)
		for _, it := range found.List {
			keys = append(keys, it.Key)
		}
		if !found.More {
			return keys
		}
		require.Len(j, found.List, n, "a page that is not the last")
		last := found.List[n-1].Key
		if descending {
			scan.To = last
		} else {
			scan.From = last + "\x00"
		}
		between()
	}
}

func scanPages(j *judge) {
	var up, down []string
	for i := range 23 {
		key := fmt.Sprintf("k%02d", i)
		j.put(key, "x")
		up, down = append(up, key), append([]string{key}, down...)
	}
	for _, n := range []int{1, 5, 22, 23, 24} {
		require.Equal(j, up, j.page(n, kv.Version{}, false, func() {}), "pages of %d", n)
		require.Equal(j, down, j.page(n, kv.Version{}, true, func() {}), "pages of %d, descending", n)
	}
}

func scanPagesAt(j *judge) {
	var keys []string
	var rev kv.Version
	for i := range 10 {
		keys = append(keys, fmt.Sprintf("k%02d", i))
		rev = j.put(keys[i], "x")
	}
	n := 0
	later := func() {
		j.put(fmt.Sprintf("k%02d+", n), "later")
		j.must(kv.OK, kv.Delete{Key: keys[n]})
		n++
	}
	require.Equal(j, keys, j.page(3, rev, false, later))
	require.NotZero(j, n)
	require.Equal(j, keys, j.page(10, rev, false, later), "once more")
}

func scanBound(j *judge) {
	const more = kv.MaxScan + 5
	j.fill(more)
	for _, limit := range []int{0, kv.MaxScan, more, 10 * more} {
		found := j.must(kv.OK, kv.Scan{Limit: limit, KeysOnly: true}).Result.(kv.Items)
		require.Len(j, found.List, kv.MaxScan, "limit %d", limit)
		require.True(j, found.More, "limit %d", limit)
		require.Equal(j, more, found.Count, "limit %d", limit)
	}
	require.Len(j, j.page(kv.MaxScan, kv.Version{}, false, func() {}), more)
}

// fill makes n keys, many at a time if the store can.
func (j *judge) fill(n int) {
	j.Helper()
	step := 1
	if j.has(kv.CapCompare) {
		step = kv.MaxTxnOps
	}
	for i := 0; i < n; i += step {
		if step == 1 {
			j.put(fmt.Sprintf("%08d", i), "")
			continue
		}
		var txn kv.Txn
		for k := i; k < min(i+step, n); k++ {
			txn.Then = append(txn.Then, kv.Put{Key: fmt.Sprintf("%08d", k)})
		}
		j.must(kv.OK, txn)
	}
}
