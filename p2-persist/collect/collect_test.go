package collect_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/collect"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/tree"
)

// forest is a head with a path of three blobs, and three blobs that nothing leads to.
func forest(t *testing.T) (r *room, live, dead []blob.ID) {
	t.Helper()
	r = newRoom(t)
	leaf := r.leaf(t, 1)
	middle := r.node(t, "middle", leaf)
	root := r.node(t, "root", middle, leaf)
	r.point(t, "main", root)
	lone := r.leaf(t, 2)
	return r, []blob.ID{leaf, middle, root}, []blob.ID{lone, r.node(t, "lost", lone, leaf), r.leaf(t, 3)}
}

func TestWhatNoHeadLeadsToIsDeletedAndItsSpaceGivenBack(t *testing.T) {
	r, live, dead := forest(t)
	before := r.Blobs.Stats()
	st := r.collect(t, 0)
	require.Empty(t, cmp.Diff(collect.Stats{
		Phase: collect.Compacting, Blobs: 6, Heads: 1, Reached: 3,
		Swept: 3, SweptBytes: st.SweptBytes, Compact: st.Compact,
	}, st))
	require.NotZero(t, st.Compact.Removed)
	require.EqualValues(t, before.Bytes-r.Blobs.Stats().Bytes, st.SweptBytes)
	require.Zero(t, r.Blobs.Stats().Dead)
	r.has(t, live...)
	r.lacks(t, dead...)
	r.disk = r.disk.Crash(disk.KeepNone)
	r.open(t)
	r.has(t, live...)
	r.lacks(t, dead...)
}

func TestDryRunTellsWhatARunWouldDoAndChangesNothing(t *testing.T) {
	for _, grace := range []time.Duration{0, grace} {
		r, _, _ := forest(t)
		r.collect(t, grace)
		r.collect(t, grace)
		r.leaf(t, 7)
		r.reopen(t)
		r.now = r.now.Add(grace)
		o, before := r.options(grace), r.disk.Sum()
		o.DryRun = true
		dry, err := collect.Run(context.Background(), r.Blobs, r.Heads, o)
		require.NoError(t, err)
		require.Equal(t, before, r.disk.Sum())
		wet := r.collect(t, grace)
		require.NotZero(t, wet.Swept)
		require.Equal(t, collect.Sweeping, dry.Phase)
		dry.Phase, dry.Compact = wet.Phase, wet.Compact
		require.Empty(t, cmp.Diff(wet, dry))
	}
}

func TestGraceGoesOnFromOneProcessToTheNext(t *testing.T) {
	r, live, dead := forest(t)
	r.reopen(t)
	require.Equal(t, 3, r.collect(t, grace).Condemned)
	late := r.leaf(t, 9)
	for range 3 {
		r.reopen(t)
		r.now = r.now.Add(grace / 4)
		require.Zero(t, r.collect(t, grace).Swept)
	}
	r.reopen(t)
	r.now = r.now.Add(grace / 4)
	st := r.collect(t, grace)
	require.Equal(t, 3, st.Swept)
	require.Equal(t, 1, st.Condemned)
	r.has(t, append(live, late)...)
	r.lacks(t, dead...)
	r.reopen(t)
	r.now = r.now.Add(grace / 4 * 3)
	require.Equal(t, 1, r.collect(t, grace).Swept)
	require.ElementsMatch(t, live, r.ids(t), "the list is garbage too when it is empty")
	_, err := r.Heads.Get(collect.Head)
	require.ErrorIs(t, err, head.ErrNotFound)
}

func TestCollectionThatFindsNothingNewWritesNothing(t *testing.T) {
	r, _, _ := forest(t)
	r.reopen(t)
	r.collect(t, grace)
	r.collect(t, grace) // packs that held the last list
	for range 3 {
		before := r.disk.Sum()
		require.Equal(t, 3, r.collect(t, grace).Condemned)
		require.Equal(t, before, r.disk.Sum())
	}
	require.Len(t, r.ids(t), 7, "one node is the list")
}

func TestWhatIsReachedAgainIsTakenOffTheList(t *testing.T) {
	r, _, dead := forest(t)
	r.reopen(t)
	r.collect(t, grace)
	r.point(t, "again", dead[1])
	r.now = r.now.Add(grace / 2)
	require.Equal(t, 1, r.collect(t, grace).Condemned)
	require.NoError(t, r.Heads.Delete("again", head.Any))
	r.now = r.now.Add(grace / 2)
	require.Equal(t, 1, r.collect(t, grace).Swept)
	r.has(t, dead[:2]...)
	r.lacks(t, dead[2])
	r.now = r.now.Add(grace)
	require.Equal(t, 2, r.collect(t, grace).Swept)
}

// stop runs a collection with a grace that is stopped when it tells something.
func (r *room) stop(t *testing.T, when func(collect.Stats) bool) collect.Stats {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := r.options(grace)
	o.Progress = func(st collect.Stats) {
		if when(st) {
			cancel()
		}
	}
	st, err := collect.Run(ctx, r.Blobs, r.Heads, o)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, tree.ErrOrder, "the list is kept all the same")
	return st
}

func TestWhatIsReachedAgainIsTakenOffTheListAlsoIfTheSweepIsStopped(t *testing.T) {
	r, _, dead := forest(t)
	r.reopen(t)
	r.collect(t, grace)
	r.point(t, "again", dead[1])
	r.now = r.now.Add(grace)
	r.stop(t, func(st collect.Stats) bool { return st.Phase == collect.Sweeping })
	require.NoError(t, r.Heads.Delete("again", head.Any))
	require.Equal(t, 1, r.collect(t, grace).Swept)
	r.has(t, dead[:2]...)
}

func TestSweepThatIsStoppedInTheMiddleIsFinishedByTheNextWithoutAnotherGrace(t *testing.T) {
	r, live, _ := forest(t)
	for n := range 2 * blob.MaxBatch {
		_, err := r.Blobs.Put(blob.Raw, fmt.Append(nil, n))
		require.NoError(t, err)
	}
	r.reopen(t)
	r.collect(t, grace)
	r.now = r.now.Add(grace - 1)
	for n := range 9 { // for which it will be too early
		live = append(live, r.leaf(t, 100+n))
	}
	r.reopen(t)
	r.collect(t, grace)
	r.now = r.now.Add(1)
	first := r.stop(t, func(st collect.Stats) bool { return st.Swept > 0 })
	require.NotZero(t, first.Condemned)
	r.reopen(t)
	second := r.collect(t, grace)
	require.Equal(t, 2*blob.MaxBatch+3, first.Swept+second.Swept)
	require.Equal(t, 9, second.Condemned)
	r.has(t, live...)
}

func TestMarkingCanBeStoppedAmongTheBlobsOfOneHead(t *testing.T) {
	r := newRoom(t)
	links := []blob.ID{}
	for n := range 3000 {
		id, err := r.Blobs.Put(blob.Raw, fmt.Append(nil, n))
		require.NoError(t, err)
		links = append(links, id)
	}
	r.point(t, "main", r.node(t, "many", links...))
	st := r.stop(t, func(st collect.Stats) bool { return st.Reached > 0 })
	require.Equal(t, collect.Marking, st.Phase)
	require.Zero(t, st.Heads)
	require.Less(t, st.Reached, 3000)
}

func TestNodeOfTheListToWhichAHeadLeadsStays(t *testing.T) {
	r, live, _ := forest(t)
	r.reopen(t)
	r.collect(t, grace)
	list, err := r.Heads.Get(collect.Head)
	require.NoError(t, err)
	r.point(t, "list", list.ID)
	r.now = r.now.Add(grace)
	require.Equal(t, 3, r.collect(t, grace).Swept)
	require.ElementsMatch(t, append(live, list.ID), r.ids(t))
}

// between are things that a process may do between the put of a blob that is condemned
// and the collection that must not take it.
func between() map[string]func(t *testing.T, r *room) {
	stopped := func(phase collect.Phase) func(t *testing.T, r *room) {
		return func(t *testing.T, r *room) {
			r.stop(t, func(st collect.Stats) bool { return st.Phase == phase })
		}
	}
	return map[string]func(t *testing.T, r *room){
		"nothing":                          func(*testing.T, *room) {},
		"a collection":                     func(t *testing.T, r *room) { r.collect(t, grace) },
		"collections":                      func(t *testing.T, r *room) { r.collect(t, grace); r.collect(t, grace) },
		"a collection stopped in marking":  stopped(collect.Marking),
		"a collection stopped in sweeping": stopped(collect.Sweeping),
		"a dry run": func(t *testing.T, r *room) {
			o := r.options(grace)
			o.DryRun = true
			_, err := collect.Run(context.Background(), r.Blobs, r.Heads, o)
			require.NoError(t, err)
		},
		"a collection that finds damage": func(t *testing.T, r *room) {
			gone := r.node(t, "gone")
			r.point(t, "gone", r.node(t, "parent", gone))
			require.NoError(t, r.Blobs.Delete([]blob.ID{gone}))
			_, err := collect.Run(context.Background(), r.Blobs, r.Heads, r.options(grace))
			require.ErrorIs(t, err, blob.ErrNotFound)
			require.NoError(t, r.Heads.Delete("gone", head.Any))
		},
	}
}

func TestPutOrTouchBeginsTheGraceAnew(t *testing.T) {
	for name, do := range between() {
		t.Run(name, func(t *testing.T) {
			r, _, dead := forest(t)
			r.reopen(t)
			r.collect(t, grace)
			r.now = r.now.Add(grace)
			r.leaf(t, 2)
			require.NoError(t, r.Blobs.Touch(dead[1:2]))
			do(t, r)
			r.now = r.now.Add(grace - 1)
			r.collect(t, grace)
			r.has(t, dead[:2]...)
			r.lacks(t, dead[2])
			for range 2 {
				r.now = r.now.Add(grace)
				r.collect(t, grace)
			}
			r.lacks(t, dead...)
		})
	}
}

func TestClockThatIsSetBackDoesNotKeepGarbageForLong(t *testing.T) {
	r, _, dead := forest(t)
	r.reopen(t)
	r.collect(t, grace)
	r.now = r.now.Add(-1000 * grace)
	r.collect(t, grace)
	r.now = r.now.Add(grace)
	require.Equal(t, 3, r.collect(t, grace).Swept)
	r.lacks(t, dead...)
}

func TestNoGraceNeedsNoList(t *testing.T) {
	r, live, dead := forest(t)
	r.reopen(t)
	r.collect(t, grace)
	require.Equal(t, 4, r.collect(t, 0).Swept, "the list is garbage then")
	r.lacks(t, dead...)
	require.ElementsMatch(t, live, r.ids(t))
	_, err := r.Heads.Get(collect.Head)
	require.ErrorIs(t, err, head.ErrNotFound)
}

func TestStoreThatWasOpenedWithoutAMarkSparesAllOnce(t *testing.T) {
	r, _, dead := forest(t) // put before the second mark of its process
	require.Zero(t, r.collect(t, grace).Condemned)
	require.Equal(t, 3, r.collect(t, grace).Condemned)
	r.has(t, dead...)
}

func TestPutsAndCommitsDuringACollectionAreSpared(t *testing.T) {
	r, live, dead := forest(t)
	var fresh []blob.ID
	o, told := r.options(0), 0
	o.Progress = func(st collect.Stats) {
		if st.Phase == collect.Marking && st.Heads == 0 { // before the mark
			return
		}
		told++
		r.leaf(t, 2) // dead[0], which nothing leads to yet
		require.NoError(t, r.Blobs.Touch(dead[1:2]))
		root := r.node(t, "fresh", r.leaf(t, 100+told), dead[0], dead[1])
		if fresh = append(fresh, root); told%2 == 0 {
			r.point(t, "main", r.node(t, "next", root, live[2]))
		}
	}
	st, err := collect.Run(context.Background(), r.Blobs, r.Heads, o)
	require.NoError(t, err)
	require.Greater(t, told, 3)
	require.Equal(t, 1, st.Swept)
	r.lacks(t, dead[2])
	r.has(t, live...)
	r.has(t, append(fresh, dead[:2]...)...)
}

func TestHeadThatMovesToOlderBlobsWhileOthersAreMarkedIsFollowed(t *testing.T) {
	r, _, dead := forest(t)
	o := r.options(0)
	o.Progress = func(st collect.Stats) {
		if st.Heads == 1 {
			r.point(t, "slow", dead[1])
		}
	}
	st, err := collect.Run(context.Background(), r.Blobs, r.Heads, o)
	require.NoError(t, err)
	require.Equal(t, 1, st.Swept)
	r.has(t, dead[:2]...)
}

func TestCollectionStopsWhereNobodyKnowsWhatIsNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, r *room, live []blob.ID)
		want  error
	}{
		"damaged head": {func(t *testing.T, r *room, _ []blob.ID) {
			require.True(t, r.disk.Flip("heads/head-main", 20, 1))
		}, head.ErrCorrupt},
		"missing object": {func(t *testing.T, r *room, live []blob.ID) {
			require.NoError(t, r.Blobs.Delete(live[1:2]))
		}, blob.ErrNotFound},
		"damaged object": {func(t *testing.T, r *room, live []blob.ID) {
			flip(t, r, live[1])
		}, blob.ErrCorrupt},
		"object that is none": {func(t *testing.T, r *room, _ []blob.ID) {
			id, err := r.Blobs.Put(blob.DAGCBOR, []byte{0xff})
			require.NoError(t, err)
			r.point(t, "none", id)
		}, object.ErrInvalid},
	} {
		for _, grace := range []time.Duration{0, grace} {
			r, live, _ := forest(t)
			r.reopen(t)
			r.collect(t, time.Hour)
			c.spoil(t, r, live)
			r.now = r.now.Add(grace)
			before := r.ids(t)
			st, err := collect.Run(context.Background(), r.Blobs, r.Heads, r.options(grace))
			require.ErrorIs(t, err, c.want, name)
			require.Zero(t, st.Swept)
			require.Equal(t, collect.Marking, st.Phase)
			require.Equal(t, before, r.ids(t), name)
		}
	}
}

// flip flips a bit in the middle of a blob, and opens the store again.
func flip(t *testing.T, r *room, id blob.ID) {
	t.Helper()
	b, err := r.Blobs.Get(id)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.True(t, flipBytes(t, r.disk, b))
	r.open(t)
}

func TestListThatCannotBeReadIsSaidAndNothingIsSwept(t *testing.T) {
	malformed := func(key, value []byte) func(t *testing.T, r *room) {
		return func(t *testing.T, r *room) {
			empty, err := tree.Empty(r.Blobs)
			require.NoError(t, err)
			list, err := empty.Apply(r.Blobs, []tree.Change{{Key: key, Value: tree.Value{Bytes: value}}})
			require.NoError(t, err)
			r.point(t, collect.Head, list.Root())
		}
	}
	id := blob.Sum(blob.Raw, nil)
	for name, spoil := range map[string]func(t *testing.T, r *room){
		"no tree":     func(t *testing.T, r *room) { r.point(t, collect.Head, r.leaf(t, 8)) },
		"no ID":       malformed([]byte("x"), make([]byte, 8)),
		"no time":     malformed(id[:], []byte("soon")),
		"damaged":     func(t *testing.T, r *room) { h, _ := r.Heads.Get(collect.Head); flip(t, r, h.ID) },
		"damaged too": func(t *testing.T, r *room) { require.True(t, r.disk.Flip("heads/head-gc%2fcondemned", 20, 1)) },
	} {
		r, _, dead := forest(t)
		r.reopen(t)
		r.collect(t, grace)
		spoil(t, r)
		r.now = r.now.Add(grace)
		_, err := collect.Run(context.Background(), r.Blobs, r.Heads, r.options(grace))
		require.ErrorIs(t, err, collect.ErrList, name)
		r.has(t, dead...)
		require.NoError(t, r.Heads.Delete(collect.Head, head.Any))
		r.reopen(t)
		require.GreaterOrEqual(t, r.collect(t, grace).Condemned, 3, name)
		r.now = r.now.Add(grace)
		require.GreaterOrEqual(t, r.collect(t, grace).Swept, 3, name)
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	r, _, dead := forest(t)
	for _, o := range []collect.Options{{Grace: -1}, {Live: -0.1}, {Live: 1.1}, {Live: math.NaN()}} {
		_, err := collect.Run(context.Background(), r.Blobs, r.Heads, o)
		require.ErrorIs(t, err, collect.ErrOptions)
	}
	r.has(t, dead...)
	_, err := collect.Run(context.Background(), r.Blobs, r.Heads, collect.Options{})
	require.NoError(t, err)
	r.lacks(t, dead...)
}

func TestCollectionStoppedAnywhereIsFinishedByTheNext(t *testing.T) {
	for stop := 1; ; stop++ {
		r, live, dead := forest(t)
		for n := 10; n < 30; n++ {
			dead = append(dead, r.leaf(t, n))
		}
		r.reopen(t)
		r.collect(t, grace)
		r.now = r.now.Add(grace)
		ctx, cancel := context.WithCancel(context.Background())
		o, told := r.options(grace), 0
		o.Progress = func(collect.Stats) {
			if told++; told == stop {
				cancel()
			}
		}
		_, err := collect.Run(ctx, r.Blobs, r.Heads, o)
		cancel()
		if told < stop {
			require.NoError(t, err)
			require.Greater(t, stop, 10)
			return
		}
		if err != nil { // else it was over
			require.ErrorIs(t, err, context.Canceled)
		}
		r.has(t, live...)
		r.reopen(t)
		r.collect(t, grace)
		r.lacks(t, dead...)
		require.ElementsMatch(t, live, r.ids(t), "stopped at %d", stop)
		require.Zero(t, r.Blobs.Stats().Dead)
	}
}

func TestCommitsAtTheSameTimeLoseNothing(t *testing.T) {
	r, live, dead := forest(t)
	for n := range blob.MaxBatch {
		_, err := r.Blobs.Put(blob.Raw, fmt.Append(nil, n))
		require.NoError(t, err)
	}
	r.reopen(t)
	r.collect(t, grace)
	r.now = r.now.Add(grace)
	store, stop := r.History(), make(chan struct{})
	var tips []blob.ID
	var writer sync.WaitGroup
	writer.Go(func() {
		s := history.Snapshot{Root: live[0]}
		for n := 0; ; n++ {
			root, err := r.Blobs.Put(blob.Raw, fmt.Append(nil, "root", n))
			if !assert.NoError(t, err) {
				return
			}
			s.Root = root
			id, err := store.Commit("writer", s)
			if !assert.NoError(t, err) {
				return
			}
			tips, s.Parents = append(tips, id, root), []blob.ID{id}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	st := r.collect(t, grace)
	close(stop)
	writer.Wait()
	require.Equal(t, blob.MaxBatch+3, st.Swept)
	r.has(t, append(live, tips...)...)
	r.lacks(t, dead...)
}
