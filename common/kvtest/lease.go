package kvtest

import (
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

// ttl is long against any delay of the world, and its parts still are.
const ttl = 20 * time.Second

var leaseCases = []entry{
	{name: "a lease that is revoked takes its keys along", needs: kv.CapLeases, do: leaseRevoke},
	{name: "a lease ends when it is not kept alive, and not before", needs: kv.CapLeases, do: leaseExpires},
	{name: "a lease that is kept alive lives on", needs: kv.CapLeases, do: leaseKept},
	{name: "a key goes with the lease it was put under last", needs: kv.CapLeases, do: leaseMoves},
	{name: "leases can be listed", needs: kv.CapLeases, do: leaseList},
	{name: "what needs a lease that is not there is refused", needs: kv.CapLeases, do: leaseMissing},
	{name: "the end of a lease is one revision with its deletions", level: kv.Linearizable, needs: kv.CapLeases | kv.CapWatch, do: leaseEvents},
}

func (j *judge) grant(ttl time.Duration) kv.LeaseID {
	j.Helper()
	info := j.must(kv.OK, kv.Grant{TTL: ttl}).Result.(kv.LeaseInfo)
	require.NotZero(j, info.ID)
	require.Equal(j, ttl, info.TTL)
	return info.ID
}

func (j *judge) putUnder(key string, id kv.LeaseID) {
	j.Helper()
	j.must(kv.OK, kv.Put{Key: key, Value: []byte(key), Lease: id})
}

// gone waits for a key to be deleted by the end of its lease.
func (j *judge) gone(key string) {
	j.Helper()
	ok := j.eventually(20, ttl/10, func() bool { return j.do(kv.Get{Key: key}).Status == kv.NotFound })
	require.True(j, ok, "%q is still there, long after its lease ended", key)
}

func leaseRevoke(j *judge) {
	one, two := j.grant(ttl), j.grant(ttl)
	require.NotEqual(j, one, two)
	j.putUnder("a", one)
	j.putUnder("b", one)
	j.putUnder("c", two)
	j.put("d", "d")
	require.Equal(j, one, j.holds("a", "a").Lease)
	j.must(kv.OK, kv.Revoke{Lease: one})
	require.Equal(j, map[string]string{"c": "c", "d": "d"}, j.contents(0))
	j.must(kv.NoLease, kv.Revoke{Lease: one})
	j.must(kv.OK, kv.Revoke{Lease: two})
	require.Equal(j, map[string]string{"d": "d"}, j.contents(0))
}

func leaseExpires(j *judge) {
	id, long := j.grant(ttl), j.grant(10*ttl)
	j.putUnder("a", id)
	j.putUnder("b", long)
	j.w.Sleep(ttl / 2)
	j.holds("a", "a")
	j.must(kv.OK, kv.Leases{Lease: id})
	j.w.Sleep(ttl)
	j.gone("a")
	j.holds("b", "b")
	j.must(kv.NoLease, kv.KeepAlive{Lease: id})
	j.must(kv.NoLease, kv.Put{Key: "c", Lease: id})
	j.must(kv.NoLease, kv.Leases{Lease: id})
}

func leaseKept(j *judge) {
	id := j.grant(ttl)
	j.putUnder("a", id)
	for range 4 {
		j.w.Sleep(ttl / 2)
		info := j.must(kv.OK, kv.KeepAlive{Lease: id}).Result.(kv.LeaseInfo)
		require.Equal(j, kv.LeaseInfo{ID: id, TTL: ttl, Left: info.Left}, info)
		require.Greater(j, info.Left, ttl*3/4, "it is renewed in full")
		require.LessOrEqual(j, info.Left, ttl)
	}
	j.w.Sleep(ttl / 2)
	j.holds("a", "a")
	j.w.Sleep(ttl)
	j.gone("a")
}

func leaseMoves(j *judge) {
	one, two := j.grant(ttl), j.grant(ttl)
	for _, key := range []string{"moved", "freed", "kept", "appended"} {
		j.putUnder(key, one)
	}
	j.putUnder("moved", two)
	j.put("freed", "freed")
	if j.has(kv.CapAppend) {
		j.must(kv.OK, kv.Append{Key: "appended", Value: []byte("+")})
		require.Equal(j, one, j.holds("appended", "appended+").Lease, "an append keeps the lease")
	}
	j.must(kv.OK, kv.Revoke{Lease: one})
	require.Equal(j, map[string]string{"moved": "moved", "freed": "freed"}, j.contents(0))
	j.must(kv.OK, kv.Delete{Key: "moved"})
	j.put("moved", "anew")
	j.must(kv.OK, kv.Revoke{Lease: two})
	require.Equal(j, map[string]string{"moved": "anew", "freed": "freed"}, j.contents(0))
}

func leaseList(j *judge) {
	list := func(id kv.LeaseID) []kv.LeaseInfo {
		j.Helper()
		return j.must(kv.OK, kv.Leases{Lease: id}).Result.(kv.LeaseList).List
	}
	require.Empty(j, list(0))
	one, two := j.grant(ttl), j.grant(2*ttl)
	j.putUnder("b", one)
	j.putUnder("a", one)
	all := list(0)
	require.Len(j, all, 2)
	require.Less(j, all[0].ID, all[1].ID, "in order of IDs")
	for _, info := range all {
		require.Contains(j, []kv.LeaseID{one, two}, info.ID)
		require.Positive(j, info.Left)
		require.LessOrEqual(j, info.Left, info.TTL)
	}
	mine := list(one)
	require.Len(j, mine, 1)
	require.ElementsMatch(j, []string{"a", "b"}, mine[0].Keys)
	require.Empty(j, list(two)[0].Keys)
	j.must(kv.OK, kv.Revoke{Lease: one})
	require.Equal(j, two, list(0)[0].ID)
}

func leaseMissing(j *judge) {
	const none = 999_999
	j.put("a", "1")
	j.unchanged(func() {
		j.must(kv.NoLease, kv.Put{Key: "a", Value: []byte("2"), Lease: none})
		j.must(kv.NoLease, kv.KeepAlive{Lease: none})
		j.must(kv.NoLease, kv.Revoke{Lease: none})
		j.must(kv.NoLease, kv.Leases{Lease: none})
		if j.has(kv.CapCompare) {
			j.must(kv.NoLease, kv.CAS{Key: "new", Lease: none})
		}
	})
}

func leaseEvents(j *judge) {
	for _, end := range []func(kv.LeaseID){
		func(id kv.LeaseID) { j.must(kv.OK, kv.Revoke{Lease: id}) },
		func(kv.LeaseID) { j.w.Sleep(2 * ttl); j.gone("a") },
	} {
		id := j.grant(ttl)
		j.putUnder("a", id)
		j.putUnder("b", id)
		start := j.put("c", "c")
		end(id)
		events := j.drain(kv.Events{After: start, Previous: true})
		require.Len(j, events, 2)
		mod := kv.Version{Hi: start.Hi, Lo: start.Lo + 1}
		for _, e := range events {
			require.Equal(j, kv.EventDelete.String(), e.Kind.String())
			require.Equal(j, mod, e.Item.Mod, "both in the next revision")
			require.NotNil(j, e.Previous)
			require.Equal(j, e.Item.Key, string(e.Previous.Value))
		}
		require.NotEqual(j, events[0].Item.Key, events[1].Item.Key)
	}
}
