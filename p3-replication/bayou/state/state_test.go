package state_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// drawWrite draws one of all kinds, on few keys, so that writes get into each other's way.
func drawWrite(t *rapid.T, time uint64) *proto.Write {
	key := rapid.SampledFrom([]string{"a", "b", "n"})
	w := put(time, key.Draw(t, "key"), fmt.Sprint(time))
	second, _ := vector.Root.Child(2)
	w.ID.Server = rapid.SampledFrom([]vector.Server{vector.Root, second}).Draw(t, "server")
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		w = &proto.Write{ID: w.ID, Kind: proto.Birth, Place: proto.Place{Node: 3, Life: time}}
	case 1:
		w = &proto.Write{ID: w.ID, Kind: proto.Retirement}
	case 2:
		w = &proto.Write{ID: w.ID, Kind: proto.Handover, Heir: rapid.SampledFrom([]vector.Server{vector.Root, second}).Draw(t, "heir")}
	case 3:
		w.Update[0] = proto.Change{Key: w.Update[0].Key, Delete: true}
	case 4, 5:
		w.Update = append(w.Update, proto.Change{Key: w.Update[0].Key, Value: []byte("again")})
	case 6, 7, 8:
		w.Check = rapid.SampledFrom([]string{"a", "b", "?"}).Draw(t, "check")
		w.Merge = rapid.SampledFrom([]string{"", "a=m", "+b", "count", "no key"}).Draw(t, "merge")
	}
	return w
}

// However writes are done, undone and settled: the full view is that of all done ones, done
// from the first one on, and the sure view that of the settled ones.
func TestUndoAndSettleGiveWhatDoingFromScratchGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState()
		var writes []*proto.Write // those that are done
		var effects []state.Effect
		sure := 0 // of which are settled
		for time := uint64(1); time <= uint64(rapid.IntRange(1, 40).Draw(t, "steps")); time++ {
			switch step := rapid.IntRange(0, 6).Draw(t, "step"); {
			case step < 3:
				w := drawWrite(t, time)
				writes, effects = append(writes, w), append(effects, s.Do(w))
			case step == 3 && sure < len(writes):
				last := len(writes) - 1
				s.Undo(effects[last])
				writes, effects = writes[:last], effects[:last]
			case step == 4 && sure < len(writes):
				s.Settle(effects[sure])
				sure++
			case step == 5 && rapid.IntRange(0, 5).Draw(t, "reset") == 0:
				s.Reset()
				writes, effects = writes[:sure], effects[:sure]
			case step == 6 && sure == len(writes):
				w := drawWrite(t, time)
				s.DoSure(w)
				writes, effects, sure = append(writes, w), append(effects, state.Effect{}), sure+1
			}
			all, some := newState(), settled(writes[:sure]...)
			for i, w := range writes {
				if e := all.Do(w); effects[i].Fate != 0 { // it was not done as a sure one
					require.Equal(t, e.Fate, effects[i].Fate)
				}
			}
			require.Empty(t, cmp.Diff(pairs(all, state.Full), pairs(s, state.Full)))
			require.Empty(t, cmp.Diff(pairs(some, state.Sure), pairs(s, state.Sure)))
			require.Equal(t, pairs(some, state.Full), pairs(some, state.Sure))
			require.Equal(t, all.Hash(state.Full), s.Hash(state.Full))
			require.Equal(t, all.Unresolved(), s.Unresolved())
		}
	})
}

// Whatever writes make, another server takes as it is.
func TestAStateThatWritesMadeCanBeLoaded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState()
		for time := range uint64(rapid.IntRange(0, 40).Draw(t, "writes")) {
			s.Settle(s.Do(drawWrite(t, time+1)))
		}
		other := settled(put(1, "z", "what was there before"))
		require.NoError(t, other.Load(pairs(s, state.Sure)))
		for _, v := range []state.View{state.Full, state.Sure} {
			require.Equal(t, s.Hash(state.Sure), other.Hash(v))
		}
		require.Equal(t, s.Unresolved(), other.Unresolved())
		w := drawWrite(t, 99)
		a, b := s.Do(w), other.Do(w)
		require.Equal(t, a.Fate, b.Fate)
		require.Equal(t, s.Hash(state.Full), other.Hash(state.Full))
	})
}

func TestAnItemTellsTheWritesThatItComesFrom(t *testing.T) {
	s := settled(put(1, "a", "1"), put(2, "b", "1"), put(3, "a", "2"))
	it, ok := s.Get(state.Full, "a")
	require.True(t, ok)
	require.Empty(t, cmp.Diff(state.Item{
		Mod: vector.Stamp{Time: 3, Server: vector.Root}, Create: vector.Stamp{Time: 1, Server: vector.Root}, Count: 2, Value: []byte("2"),
	}, it))
	gone := put(4, "a", "")
	gone.Update[0].Delete = true
	s.Do(gone)
	_, ok = s.Get(state.Full, "a")
	require.False(t, ok)
	_, ok = s.Get(state.Sure, "a")
	require.True(t, ok, "nobody has settled it")
	s.Do(put(5, "a", "3"))
	it, _ = s.Get(state.Full, "a")
	require.Equal(t, uint64(1), it.Count)
	require.Equal(t, uint64(5), it.Create.Time)
}

func TestWhatIsDeletedIsGoneFromTheSureViewWhenItIsSettled(t *testing.T) {
	s := settled(put(1, "a", "1"), put(2, "b", "2"))
	gone := put(3, "a", "")
	gone.Update[0] = proto.Change{Key: "a", Delete: true}
	e := s.Do(gone)
	require.Equal(t, "b=2", shows(s, state.Full))
	require.Equal(t, "a=1 b=2", shows(s, state.Sure))
	s.Settle(e)
	require.Equal(t, "b=2", shows(s, state.Full))
	require.Equal(t, "b=2", shows(s, state.Sure))
}

func TestACheckThatHoldsAppliesAndOneThatDoesNotMergesOrIsAConflict(t *testing.T) {
	for _, one := range []struct {
		check, merge string
		fate         state.Fate
		want, why    string
	}{
		{"", "b=m", state.Applied, "a=9", ""},
		{"z", "b=m", state.Applied, "a=9", ""},
		{"a", "b=m", state.Merged, "a=1 b=m", ""},
		{"a", "+b", state.Merged, "b=x", ""},
		{"?", "b=m", state.Unresolved, "a=1", "a check in error"},
		{"a", "a=m", state.Unresolved, "a=1", "taken"},
		{"a", "", state.Unresolved, "a=1", "its check does not hold, and it has no merge procedure"},
		{"?", "", state.Unresolved, "a=1", "a check in error"},
		{"a", "no key", state.Unresolved, "a=1", "a key of 0 bytes"},
		{"a", "much", state.Unresolved, "a=1", "129 changes: at most 128"},
		{"a", "large", state.Unresolved, "a=1", "together"},
	} {
		s := settled(put(1, "a", "1"))
		e := s.Do(guarded(9, "a", one.check, one.merge))
		require.Equal(t, one.fate, e.Fate, "%+v", one)
		require.Equal(t, one.want, shows(s, state.Full), "%+v", one)
		require.Equal(t, one.fate != state.Unresolved, e.Changed("a") || e.Changed("b"))
		require.Equal(t, one.why != "", s.Unresolved() == 1)
		for c := range s.Conflicts(state.Full, vector.Stamp{}) {
			require.Contains(t, c.Text, one.why)
			require.Equal(t, uint64(9), c.ID.Time)
			require.Empty(t, cmp.Diff([]proto.Change{{Key: "a", Value: []byte("9")}}, c.Update))
		}
		s.Undo(e)
		require.Equal(t, "a=1", shows(s, state.Full))
		require.Zero(t, s.Unresolved())
	}
}

func TestAConflictIsShortWhateverTheWriteWas(t *testing.T) {
	w := guarded(9, "a", "a", "shout")
	w.Update = []proto.Change{{Key: "a", Value: make([]byte, 1<<20)}, {Key: "b", Delete: true}}
	s := settled(put(1, "a", "1"), w)
	for c := range s.Conflicts(state.Sure, vector.Stamp{}) {
		require.Len(t, c.Text, 1<<10)
		require.Empty(t, cmp.Diff([]proto.Change{{Key: "a", Value: []byte{}}, {Key: "b", Delete: true}}, c.Update, cmpopts.EquateEmpty()))
	}
	require.NoError(t, newState().Load(pairs(s, state.Sure)))
}

func TestOfTooManyConflictsTheOldestAreForgottenAndComeBackWhenUndone(t *testing.T) {
	s := settled(put(1, "a", "1"))
	var effects []state.Effect
	for time := range uint64(state.MaxConflicts + 3) {
		effects = append(effects, s.Do(guarded(2+time, "a", "a", "")))
	}
	first := func() (c state.Conflict) {
		for c = range s.Conflicts(state.Full, vector.Stamp{}) {
			return c
		}
		return c
	}
	require.Equal(t, state.MaxConflicts, s.Unresolved())
	require.Equal(t, uint64(5), first().ID.Time)
	for i := len(effects) - 1; i >= state.MaxConflicts; i-- {
		s.Undo(effects[i])
	}
	require.Equal(t, state.MaxConflicts, s.Unresolved())
	require.Equal(t, uint64(2), first().ID.Time)
	s.Reset()
	require.Zero(t, s.Unresolved())
}

func TestConflictsAreListedBeyondAStamp(t *testing.T) {
	s := settled(put(1, "a", "1"), guarded(2, "a", "a", ""), guarded(3, "a", "a", ""), guarded(4, "a", "a", ""))
	for beyond, want := range map[uint64][]uint64{0: {2, 3, 4}, 2: {3, 4}, 4: nil} {
		var got []uint64
		after := vector.Stamp{Time: beyond, Server: vector.Root}
		if beyond == 0 {
			after = vector.Stamp{}
		}
		for c := range s.Conflicts(state.Full, after) {
			got = append(got, c.ID.Time)
		}
		require.Equal(t, want, got)
	}
}

func TestServersComeAndGoByWrites(t *testing.T) {
	second, _ := vector.Root.Child(2)
	place := func(n machine.Node) proto.Place { return proto.Place{Node: n, Life: uint64(n), Addr: fmt.Sprint(n)} }
	s := settled(
		&proto.Write{ID: vector.Stamp{Time: 1, Server: vector.Root}, Kind: proto.Birth, Place: place(1)},
		&proto.Write{ID: vector.Stamp{Time: 2, Server: vector.Root}, Kind: proto.Birth, Place: place(2)},
	)
	list := func(v state.View) (all []state.Server) {
		for server := range s.Servers(v) {
			all = append(all, server)
		}
		return all
	}
	want := []state.Server{{Name: vector.Root, Place: place(1)}, {Name: second, Place: place(2)}}
	require.Empty(t, cmp.Diff(want, list(state.Sure)))
	e := s.Do(&proto.Write{ID: vector.Stamp{Time: 3, Server: second}, Kind: proto.Retirement})
	require.Empty(t, cmp.Diff(want[:1], list(state.Full)))
	require.Empty(t, cmp.Diff(want, list(state.Sure)))
	s.Settle(e)
	require.Empty(t, cmp.Diff(want[:1], list(state.Sure)))
}

func TestTheOfficeIsWithOneThatIsThere(t *testing.T) {
	second, _ := vector.Root.Child(2)
	of := func(time uint64, by vector.Server, kind proto.Kind) *proto.Write {
		w := &proto.Write{ID: vector.Stamp{Time: time, Server: by}, Kind: kind}
		switch kind {
		case proto.Birth:
			w.Place = proto.Place{Node: machine.Node(time), Life: time}
		case proto.Handover:
			w.Heir = second
		}
		return w
	}
	first, child := of(1, vector.Root, proto.Birth), of(2, vector.Root, proto.Birth)
	given, gone := of(3, vector.Root, proto.Handover), of(4, second, proto.Retirement)
	require.Equal(t, second, settled(first, child, given).Primary(state.Sure))
	require.Equal(t, vector.Root, settled(first, child, given, gone).Primary(state.Sure), "its heir has retired")
	require.Equal(t, vector.Root, settled(first, child, gone, given).Primary(state.Sure), "who has retired is no heir")
}

func TestOnlyThePrimaryGivesItsOfficeAway(t *testing.T) {
	second, _ := vector.Root.Child(2)
	third, _ := vector.Root.Child(3)
	s := newState()
	for born := range uint64(3) {
		s.Do(&proto.Write{ID: vector.Stamp{Time: born + 1, Server: vector.Root}, Kind: proto.Birth, Place: proto.Place{Node: 1}})
	}
	require.Equal(t, vector.Root, s.Primary(state.Full))
	s.Do(&proto.Write{ID: vector.Stamp{Time: 4, Server: second}, Kind: proto.Handover, Heir: second})
	require.Equal(t, vector.Root, s.Primary(state.Full))
	e := s.Do(&proto.Write{ID: vector.Stamp{Time: 5, Server: vector.Root}, Kind: proto.Handover, Heir: second})
	require.Equal(t, second, s.Primary(state.Full))
	require.Equal(t, vector.Root, s.Primary(state.Sure))
	s.Do(&proto.Write{ID: vector.Stamp{Time: 6, Server: vector.Root}, Kind: proto.Handover, Heir: third})
	require.Equal(t, second, s.Primary(state.Full))
	s.Do(&proto.Write{ID: vector.Stamp{Time: 7, Server: second}, Kind: proto.Handover, Heir: third})
	require.Equal(t, third, s.Primary(state.Full))
	s.Settle(e)
	require.Equal(t, second, s.Primary(state.Sure))
}

func TestItemsAreThoseOfARangeInEitherDirection(t *testing.T) {
	s := settled(put(1, "a", "1"), put(2, "b", "1"), put(3, "c", "1"), guarded(4, "a", "a", ""),
		&proto.Write{ID: vector.Stamp{Time: 5, Server: vector.Root}, Kind: proto.Birth, Place: proto.Place{Node: 1}})
	for _, one := range []struct {
		from, to string
		down     bool
		want     string
	}{
		{"", "", false, "abc"},
		{"", "", true, "cba"},
		{"b", "", false, "bc"},
		{"", "c", false, "ab"},
		{"b", "c", true, "b"},
		{"aa", "bb", false, "b"},
		{"c", "b", false, ""},
		{"d", "", false, ""},
	} {
		got := ""
		for key := range s.Items(state.Sure, one.from, one.to, one.down) {
			got += key
		}
		require.Equal(t, one.want, got, "%+v", one)
	}
}

func TestASnapshotIsNeverChanged(t *testing.T) {
	s := settled(put(1, "a", "1"))
	snap := s.Snapshot(state.Full)
	before, _ := snap.Part("")
	require.Len(t, before, 1)
	s.Settle(s.Do(put(2, "a", "2")))
	s.Do(put(3, "b", "3"))
	after, next := snap.Part("")
	require.Empty(t, cmp.Diff(before, after))
	require.Empty(t, next)
}

func TestASnapshotOfWhatIsSureStaysWhenTheViewsPartAndComeTogether(t *testing.T) {
	s := newState()
	s.DoSure(put(1, "a", "1"))
	snap := s.Snapshot(state.Sure)
	before, _ := snap.Part("")
	s.Do(put(2, "a", "2"))
	require.Equal(t, "a=1", shows(s, state.Sure))
	require.Equal(t, "a=2", shows(s, state.Full))
	s.Reset()
	require.Equal(t, "a=1", shows(s, state.Full))
	s.DoSure(put(3, "a", "3"))
	require.Equal(t, "a=3", shows(s, state.Sure))
	after, _ := snap.Part("")
	require.Empty(t, cmp.Diff(before, after))
}

func TestPartsOfASnapshotMakeItWhole(t *testing.T) {
	s := newState()
	for time := range uint64(10) {
		s.Settle(s.Do(put(time+1, fmt.Sprint("k", time), string(make([]byte, 400<<10)))))
	}
	snap := s.Snapshot(state.Sure)
	var all []proto.Pair
	parts := 0
	for next, more := "", true; more; more = next != "" {
		var some []proto.Pair
		some, next = snap.Part(next)
		all = append(all, some...)
		parts++
	}
	require.Greater(t, parts, 3)
	require.True(t, slices.EqualFunc(pairs(s, state.Sure), all, func(a, b proto.Pair) bool {
		return a.Key == b.Key && bytes.Equal(a.Value, b.Value)
	}))
}

func TestNoFieldOfAnItemIsLostAtItsBound(t *testing.T) {
	w := put(vector.MaxTime, string(make([]byte, kv.MaxKey)), string(make([]byte, kv.MaxValue)))
	s := settled(w)
	other := newState()
	require.NoError(t, other.Load(pairs(s, state.Sure)))
	it, ok := other.Get(state.Sure, w.Update[0].Key)
	require.True(t, ok)
	require.Len(t, it.Value, kv.MaxValue)
	require.Equal(t, w.ID, it.Mod)
}
