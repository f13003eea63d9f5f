package kvtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

// The programs of the suite's guarded writes.
const (
	// ProgramFree is a check: the key of the first step is absent.
	ProgramFree = `db.get(update[0].key) == None`

	// ProgramNext is a merge procedure: it puts the first step's value at the first of
	// next/1 and next/2 that is absent, and fails if none is.
	ProgramNext = `
def merge(db, update):
    for key in ["next/1", "next/2"]:
        if db.get(key) == None:
            db.put(key, update[0].value)
            return
    fail("all is taken")
`
)

var tentativeCases = []entry{
	{name: "a guarded write whose check holds is applied", level: kv.Eventual, needs: kv.CapTentative, do: guardedApplied},
	{name: "a guarded write whose check does not hold is merged", level: kv.Eventual, needs: kv.CapTentative, do: guardedMerged},
	{name: "what cannot be done is a conflict and stops nobody", level: kv.Eventual, needs: kv.CapTentative, do: guardedUnresolved},
	{name: "conflicts are listed in the order of writes, page by page", level: kv.Eventual, needs: kv.CapTentative, do: conflictPages},
	{name: "a write is stable when all is quiet, at every server", level: kv.Eventual, needs: kv.CapTentative, do: inquiries},
	{name: "a stable read shows what is stable and nothing else", level: kv.Eventual, needs: kv.CapTentative, do: stableReads},
	{name: "guarded writes of all servers end alike everywhere", level: kv.Eventual, needs: kv.CapTentative, do: guardedAgree},
	{name: "a server tells how far the others are", level: kv.Eventual, needs: kv.CapProbe, do: distances},
}

// guard does a guarded write as client 0, which must come to a fate, and returns its name.
func (j *judge) guard(want kv.Fate, op kv.Guarded) kv.Version {
	j.Helper()
	resp := j.must(kv.OK, op)
	require.Equal(j, want.String(), resp.Result.(kv.GuardedResult).Fate.String(), "%s", describe(op))
	require.False(j, resp.Rev.IsZero(), "a write without a name")
	return resp.Rev
}

// book is a guarded write that wants a key for itself.
func book(key, value, merge string) kv.Guarded {
	return kv.Guarded{If: ProgramFree, Then: []kv.Op{kv.Put{Key: key, Value: []byte(value)}}, Else: merge}
}

// conflicts returns all conflicts that a client is told, by one page of each size.
func (j *judge) conflicts(client int, level kv.Level, limit int) (all []kv.Conflicted) {
	j.Helper()
	var after kv.Version
	for {
		resp := j.mustAskAs(client, kv.OK, kv.Request{Level: level, Op: kv.Conflicts{After: after, Limit: limit}})
		page := resp.Result.(kv.ConflictList)
		require.True(j, len(page.List) > 0 || !page.More, "more conflicts, but not one given")
		if limit > 0 {
			require.LessOrEqual(j, len(page.List), limit)
		}
		all = append(all, page.List...)
		if !page.More {
			return all
		}
		require.Less(j, len(all), 10*kv.MaxConflicts, "the pages never end")
		after = page.List[len(page.List)-1].Write
	}
}

func guardedApplied(j *judge) {
	j.guard(kv.Applied, kv.Guarded{If: ProgramFree, Then: []kv.Op{
		kv.Put{Key: "k", Value: []byte("1")}, kv.Put{Key: "l", Value: []byte("2")},
	}})
	j.holds("k", "1")
	j.holds("l", "2")
	j.guard(kv.Applied, kv.Guarded{Then: []kv.Op{
		kv.Delete{Key: "k"}, kv.Put{Key: "l", Value: []byte("3")}, kv.Delete{Key: "absent"}, kv.Put{Key: "m"}, kv.Delete{Key: "m"},
	}})
	require.Equal(j, map[string]string{"l": "3"}, j.contents(0))
	j.guard(kv.Applied, book("k", "2", ProgramNext))
	require.Equal(j, map[string]string{"k": "2", "l": "3"}, j.contents(0), "the merge procedure is not asked")
	require.Empty(j, j.conflicts(0, kv.LevelDefault, 0))
	j.unchanged(func() {
		j.must(kv.Invalid, kv.Guarded{If: "no program (", Then: []kv.Op{kv.Put{Key: "k"}}})
		j.must(kv.Invalid, kv.Guarded{If: ProgramFree, Then: []kv.Op{kv.Put{Key: "new"}}, Else: "no program ("})
	})
}

func guardedMerged(j *judge) {
	j.put("k", "taken")
	mine := kv.Guarded{If: ProgramFree, Else: ProgramNext, Then: []kv.Op{
		kv.Put{Key: "k", Value: []byte("mine")}, kv.Put{Key: "l", Value: []byte("mine")},
	}}
	j.guard(kv.Merged, mine)
	require.Equal(j, map[string]string{"k": "taken", "next/1": "mine"}, j.contents(0), "the procedure comes in the place of all steps")
	j.guard(kv.Merged, mine)
	require.Equal(j, map[string]string{"k": "taken", "next/1": "mine", "next/2": "mine"}, j.contents(0))
	j.must(kv.OK, kv.Delete{Key: "next/1"})
	j.guard(kv.Merged, book("k", "again", ProgramNext))
	j.holds("next/1", "again")
	require.Empty(j, j.conflicts(0, kv.LevelDefault, 0))
}

func guardedUnresolved(j *judge) {
	for _, key := range []string{"k", "next/1", "next/2"} {
		j.put(key, "taken")
	}
	var names []kv.Version
	writes := []kv.Guarded{
		book("k", "mine", ""),
		book("k", "mine too", ProgramNext),
		{If: ProgramFree, Then: []kv.Op{kv.Delete{Key: "k"}, kv.Put{Key: "l", Value: []byte("x")}}},
	}
	j.unchanged(func() {
		for _, op := range writes {
			names = append(names, j.guard(kv.Unresolved, op))
		}
	})
	for range 2 {
		list := j.conflicts(0, kv.LevelDefault, 0)
		require.Len(j, list, len(writes))
		for i, c := range list {
			require.Equal(j, names[i], c.Write)
			require.NotEmpty(j, c.Text, "why it could not be done")
			require.Empty(j, cmp.Diff(writes[i].Then, c.Then, cmpopts.EquateEmpty()))
		}
		scribble(kv.ConflictList{List: list})
	}
	j.put("k", "later")
	j.holds("k", "later")
	j.guard(kv.Applied, book("m", "later", ""))
}

func conflictPages(j *judge) {
	const n = 7
	j.put("k", "taken")
	var names []kv.Version
	for i := range n {
		names = append(names, j.guard(kv.Unresolved, book("k", fmt.Sprint(i), "")))
	}
	j.w.Settle()
	for _, limit := range []int{1, 2, n - 1, n, n + 1, 0, kv.MaxConflicts + 1} {
		for _, level := range []kv.Level{kv.LevelDefault, kv.Prefix} {
			var got []kv.Version
			for _, c := range j.conflicts(0, level, limit) {
				got = append(got, c.Write)
				require.True(j, c.Stable, "all is quiet")
			}
			require.Equal(j, names, got, "in pages of %d, at level %s", limit, level)
		}
	}
	last := j.must(kv.OK, kv.Conflicts{After: names[n-1]}).Result.(kv.ConflictList)
	require.Empty(j, last.List, "behind the last")
}

func inquiries(j *judge) {
	var names []kv.Version
	for i := range 5 {
		names = append(names, j.put("k", fmt.Sprint(i)))
		s := j.must(kv.OK, kv.Inquire{Write: names[i]}).Result.(kv.Standing)
		require.True(j, s.Known, "a write that was accepted here")
	}
	names = append(names, j.guard(kv.Unresolved, book("k", "x", "")))
	j.w.Settle()
	for client := range servers {
		commit := uint64(0)
		for _, name := range names {
			s := j.mustAskAs(client, kv.OK, kv.Request{Op: kv.Inquire{Write: name}}).Result.(kv.Standing)
			require.True(j, s.Known && s.Stable, "write %v at the server of client %d: %+v", name, client, s)
			if s.Commit != 0 { // a server may have forgotten it
				require.Greater(j, s.Commit, commit, "in the order in which they were made")
				commit = s.Commit
			}
		}
		unheard := j.mustAskAs(client, kv.OK, kv.Request{Op: kv.Inquire{Write: unheardOf}}).Result.(kv.Standing)
		require.Equal(j, kv.Standing{}, unheard, "a write that there was not")
	}
}

// stableReads holds what is read at Level Prefix against inquiries before and after it: what
// is stable stays so.
func stableReads(j *judge) {
	j.put("k", "0")
	j.w.Settle()
	for i := range 10 {
		name := j.put("k", fmt.Sprint(i+1))
		before := j.must(kv.OK, kv.Inquire{Write: name}).Result.(kv.Standing)
		resp := j.mustAsk(kv.OK, kv.Request{Level: kv.Prefix, Op: kv.Get{Key: "k"}})
		require.True(j, resp.Stable, "a stable read that is not")
		got := string(resp.Result.(kv.Item).Value)
		after := j.must(kv.OK, kv.Inquire{Write: name}).Result.(kv.Standing)
		if got == fmt.Sprint(i+1) {
			require.True(j, after.Stable, "a stable read shows a write that is tentative")
		} else {
			require.False(j, before.Stable, "a stable read lacks a stable write")
		}
		j.holds("k", fmt.Sprint(i+1))
		if i%3 == 2 {
			j.w.Settle()
			resp = j.mustAsk(kv.OK, kv.Request{Level: kv.Prefix, Op: kv.Get{Key: "k"}})
			require.Equal(j, fmt.Sprint(i+1), string(resp.Result.(kv.Item).Value), "all is quiet")
		}
	}
}

// guardedAgree lets all servers take bookings of the same few keys at the same time. When all
// is quiet each booking has the key that it wanted, or another by its procedure, or is a
// conflict: one of them, once, and the same at every server.
func guardedAgree(j *judge) {
	var wanted []string
	for round := range 3 {
		seed := j.rng.Uint64()
		var refused [servers]*kv.Response
		j.w.Parallel(servers, func(caller int) {
			rng := rand.New(rand.NewPCG(seed, uint64(caller)))
			for i := range 3 {
				merge := ProgramNext
				if rng.IntN(3) == 0 {
					merge = ""
				}
				resp := j.send(caller, kv.Request{Op: book(fmt.Sprint("slot", rng.IntN(4)), fmt.Sprint(round, ".", caller, ".", i), merge)})
				if resp.Status != kv.OK {
					refused[caller] = resp
				}
			}
		})
		require.Equal(j, [servers]*kv.Response{}, refused, "a guarded write is taken whatever stands where")
		for caller := range servers {
			for i := range 3 {
				wanted = append(wanted, fmt.Sprint(round, ".", caller, ".", i))
			}
		}
		j.w.Settle()
		j.sameEverywhere(wanted)
	}
}

func (j *judge) sameEverywhere(wanted []string) {
	j.Helper()
	items, list := j.contents(0), j.conflicts(0, kv.LevelDefault, 0)
	for client := range servers {
		require.Equal(j, items, j.contents(client), "server of client %d", client)
		for _, level := range []kv.Level{kv.LevelDefault, kv.Prefix} {
			diff := cmp.Diff(list, j.conflicts(client, level, 4), cmpopts.EquateEmpty())
			require.Empty(j, diff, "conflicts at the server of client %d at level %s", client, level)
		}
	}
	got := slices.Collect(maps.Values(items))
	for _, c := range list {
		require.Len(j, c.Then, 1)
		got = append(got, string(c.Then[0].(kv.Put).Value))
	}
	slices.Sort(got)
	slices.Sort(wanted)
	require.Equal(j, wanted, got, "each booking once, in the store or among the conflicts")
}

func distances(j *judge) {
	for client := range servers {
		d := j.mustAskAs(client, kv.OK, kv.Request{Op: kv.Probe{}}).Result.(kv.Distances)
		require.NotZero(j, d.Asked)
		chosen, last := 0, kv.ReplicaID(0)
		for _, one := range d.List {
			require.Greater(j, one.ID, last, "in order of their numbers")
			require.NotEqual(j, d.Asked, one.ID, "a server is not far from itself")
			require.GreaterOrEqual(j, one.RTT, 0*pause)
			require.True(j, one.Up || !one.Chosen, "a server that is down would be asked first")
			last = one.ID
			if one.Chosen {
				chosen++
			}
		}
		require.LessOrEqual(j, chosen, 1, "one is asked first")
	}
}
