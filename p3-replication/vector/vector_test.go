package vector_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p3-replication/vector"
)

// table is the slow obvious vector.
type table map[vector.Server]uint64

func tableOf(v vector.Vector) table {
	m := table{}
	for _, e := range v {
		m[e.Server] = e.Time
	}
	return m
}

// within is the definition of the order of vectors.
func (m table) within(o table) bool {
	for s, t := range m {
		if other, ok := o[s]; !ok || other < t {
			return false
		}
	}
	return true
}

func (m table) compare(o table) vector.Order {
	switch below, above := m.within(o), o.within(m); {
	case below && above:
		return vector.Equal
	case below:
		return vector.Before
	case above:
		return vector.After
	}
	return vector.Concurrent
}

func sortedOnce(t require.TestingT, v vector.Vector) {
	require.True(t, slices.IsSortedFunc(v, func(a, b vector.Entry) int {
		if a.Server < b.Server {
			return -1
		}
		return 1 // the same twice is as wrong as out of order
	}), "%v", v)
}

func TestAVectorDoesWhatATableOfServersDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var v vector.Vector
		m := table{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			s := drawStamp(t)
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				v.Raise(s)
				m[s.Server] = max(m[s.Server], s.Time)
			case 2:
				v.Remove(s.Server)
				delete(m, s.Server)
			case 3:
				w := drawVector(t)
				v.Merge(w)
				for _, e := range w {
					m[e.Server] = max(m[e.Server], e.Time)
				}
			}
			sortedOnce(t, v)
			require.Empty(t, cmp.Diff(m, tableOf(v)))
			probe := drawStamp(t)
			time, ok := v.Get(probe.Server)
			want, known := m[probe.Server]
			require.Equal(t, known, ok)
			require.Equal(t, want, time)
			require.Equal(t, known && probe.Time <= want, v.Covers(probe))
		}
	})
}

func TestAServerThatHasAcceptedNothingIsKnownAllTheSame(t *testing.T) {
	created := entries(t, "0", 0)
	time, ok := created.Get(vector.Root)
	require.True(t, ok)
	require.Zero(t, time)
	require.Equal(t, vector.After, created.Compare(nil))
	require.False(t, created.Covers(at(t, 1, "0")))
}

func TestVectorsCompareAsTheirEntriesDo(t *testing.T) {
	for _, c := range []struct {
		v, w vector.Vector
		want vector.Order
		word string
	}{
		{nil, nil, vector.Equal, "equal"},
		{nil, vector.Vector{}, vector.Equal, "equal"},
		{entries(t, "0", 3), entries(t, "0", 3), vector.Equal, "equal"},
		{entries(t, "0", 2), entries(t, "0", 3), vector.Before, "before"},
		{entries(t, "0", 3), entries(t, "0", 3, "0.1", 1), vector.Before, "before"},
		{entries(t, "0", 3, "0.1", 1), nil, vector.After, "after"},
		{entries(t, "0", 3), entries(t, "0.1", 1), vector.Concurrent, "concurrent"},
		{entries(t, "0", 3, "0.1", 1), entries(t, "0", 2, "0.1", 9), vector.Concurrent, "concurrent"},
		{entries(t, "0", 3, "0.1", 1), entries(t, "0", 9), vector.Concurrent, "concurrent"},
		{entries(t, "0", 3, "0.1", 1), entries(t, "0", 9, "0.2", 5), vector.Concurrent, "concurrent"},
	} {
		require.Equal(t, c.want, c.v.Compare(c.w), "%v and %v", c.v, c.w)
		require.Equal(t, c.word, c.want.String())
	}
	require.Equal(t, "order 7", vector.Order(7).String())
}

func TestEachOfTwoConcurrentVectorsHasSomethingThatTheOtherLacks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w := drawVector(t), drawVector(t)
		got := v.Compare(w)
		require.Equal(t, tableOf(v).compare(tableOf(w)), got)
		lacks := func(v, w vector.Vector) bool {
			return slices.ContainsFunc(v, func(e vector.Entry) bool { return !w.Covers(vector.Stamp{Time: e.Time, Server: e.Server}) })
		}
		require.Equal(t, lacks(v, w) && lacks(w, v), got == vector.Concurrent, "%v and %v are %v", v, w, got)
	})
}

// atMost tells whether v is below w or equal to it.
func atMost(v, w vector.Vector) bool {
	order := v.Compare(w)
	return order == vector.Before || order == vector.Equal
}

func TestVectorsAreAPartialOrder(t *testing.T) {
	mirror := map[vector.Order]vector.Order{
		vector.Equal: vector.Equal, vector.Before: vector.After, vector.After: vector.Before, vector.Concurrent: vector.Concurrent,
	}
	rapid.Check(t, func(t *rapid.T) {
		u, v, w := drawVector(t), drawVector(t), drawVector(t)
		require.Equal(t, vector.Equal, v.Compare(v.Clone()))
		require.Equal(t, mirror[v.Compare(w)], w.Compare(v))
		require.Equal(t, v.Compare(w) == vector.Equal, slices.Equal(v, w))
		if atMost(u, v) && atMost(v, w) {
			require.True(t, atMost(u, w), "%v, %v, %v", u, v, w)
		}
	})
}

func merged(v, w vector.Vector) vector.Vector {
	v = v.Clone()
	v.Merge(w)
	return v
}

func TestAMergeIsTheLeastVectorAboveBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, v, w := drawVector(t), drawVector(t), drawVector(t)
		both := merged(v, w)
		require.True(t, atMost(v, both))
		require.True(t, atMost(w, both))
		require.Equal(t, atMost(v, u) && atMost(w, u), atMost(both, u), "what is above both is above their merge")
		require.Empty(t, cmp.Diff(both, merged(w, v)))
		require.Empty(t, cmp.Diff(merged(both, u), merged(v, merged(w, u))))
		require.Empty(t, cmp.Diff(both, merged(both, v)))
	})
}

func TestWhatIsMadeOfAVectorHasMemoryOfItsOwn(t *testing.T) {
	w := entries(t, "0", 1, "0.1", 2)
	copied := w.Clone()
	var joined, mixed vector.Vector
	joined.Join(w)
	mixed.Merge(w)
	var m vector.Matrix
	m.Heard(vector.Root, w)
	w.Raise(at(t, 9, "0"))
	for _, v := range []vector.Vector{copied, joined, mixed, m.Row(vector.Root)} {
		require.Equal(t, "[0:1 0.1:2]", v.String())
	}
}
