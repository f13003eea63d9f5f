package lock_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p4-consensus/lock"
)

func pairs(v app.View, from string) (all []app.Pair) {
	for k, b := range v.Pairs(from) {
		all = append(all, app.Pair{Key: k, Value: b})
	}
	return all
}

func each(all []app.Pair) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, p := range all {
			if !yield(p.Key, p.Value) {
				return
			}
		}
	}
}

// busy is a table with some of everything.
func busy(t *testing.T) *service {
	s := start(t)
	rng := rand.New(rand.NewPCG(7, 7))
	for k := range 300 {
		s.now += ms
		s.do(random(rng, k))
	}
	require.Greater(t, len(pairs(s.table.View(), "")), 5)
	return s
}

func TestAViewStaysWhatItWas(t *testing.T) {
	s := busy(t)
	v := s.table.View()
	before := pairs(v, "")
	rng := rand.New(rand.NewPCG(8, 8))
	for k := range 300 {
		s.now += 10 * ms
		s.do(random(rng, 300+k))
	}
	require.Empty(t, cmp.Diff(before, pairs(v, "")))
	require.NotEmpty(t, cmp.Diff(before, pairs(s.table.View(), "")))
}

func TestAViewIsIteratedFromAnyKey(t *testing.T) {
	v := busy(t).table.View()
	all := pairs(v, "")
	require.True(t, slices.IsSortedFunc(all, func(a, b app.Pair) int { return strings.Compare(a.Key, b.Key) }))
	for i, p := range all {
		require.Empty(t, cmp.Diff(all[i:], pairs(v, p.Key)), "from %q", p.Key)
		require.Empty(t, cmp.Diff(all[i+1:], pairs(v, p.Key+"\x00"), emptyIsNone()), "after %q", p.Key)
	}
	require.Empty(t, pairs(v, "t"))
	for range v.Pairs("") {
		break // who has enough is not called again
	}
}

func emptyIsNone() cmp.Option {
	return cmp.FilterValues(func(a, b []app.Pair) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore())
}

func TestAnEmptyTableIsLoadedFromItsView(t *testing.T) {
	table := reload(t, &lock.Table{})
	_, _, ok := table.Due()
	require.False(t, ok)
}

func TestWhatIsNoViewIsRefusedAndChangesNothing(t *testing.T) {
	s := busy(t)
	all := pairs(s.table.View(), "")
	refused := func(why string, bad []app.Pair) {
		t.Helper()
		before := app.Hash(s.table.View())
		require.Error(t, s.table.Load(each(bad)), why)
		require.Equal(t, before, app.Hash(s.table.View()), why)
	}
	meta := slices.IndexFunc(all, func(p app.Pair) bool { return p.Key == "m" })
	refused("nothing", nil)
	refused("no meta", slices.Delete(slices.Clone(all), meta, meta+1))
	refused("a pair twice", append(slices.Clone(all), all[len(all)-1]))
	refused("locks of no session", all[:meta+1])
	refused("an unknown key", append(slices.Clone(all), app.Pair{Key: "t"}))
	refused("session 0", []app.Pair{all[meta], {Key: "s\x00\x00\x00\x00\x00\x00\x00\x00", Value: all[len(all)-1].Value}})
	for i := range all {
		for cut := range len(all[i].Value) {
			bad := slices.Clone(all)
			bad[i].Value = bad[i].Value[:cut]
			refused("a pair cut short", bad)
		}
		bad := slices.Clone(all)
		bad[i].Value = append(slices.Clone(bad[i].Value), 0)
		refused("a pair with more", bad)
	}
}

// heldPair is a lock in a View, metaPair the token and the clock, sessionPair a session that
// ends at a deadline and lives for a second.
func heldPair(name string, holder, token uint64, since machine.Time, waiters ...uint64) app.Pair {
	b := cbor.AppendUint(cbor.AppendUint(nil, holder), token)
	b = cbor.AppendArray(cbor.AppendInt(b, int64(since)), len(waiters))
	for _, w := range waiters {
		b = cbor.AppendUint(b, w)
	}
	return app.Pair{Key: "l" + name, Value: b}
}

func metaPair(token uint64, clock machine.Time) app.Pair {
	return app.Pair{Key: "m", Value: cbor.AppendInt(cbor.AppendUint(nil, token), int64(clock))}
}

func sessionPair(id uint64, deadline machine.Time, seq uint64, answer []byte) app.Pair {
	b := cbor.AppendInt(cbor.AppendInt(nil, int64(second)), int64(deadline))
	b = cbor.AppendBytes(cbor.AppendUint(b, seq), answer)
	return app.Pair{Key: string(binary.BigEndian.AppendUint64([]byte("s"), id)), Value: b}
}

func TestAStateThatCannotBeIsRefused(t *testing.T) {
	answer := (&lock.Answer{Status: lock.OK}).AppendTo(nil)
	one, two := sessionPair(1, 20*second, 0, nil), sessionPair(2, 20*second, 1, answer)
	meta := metaPair(2, 19*second)
	require.NoError(t, (&lock.Table{}).Load(each([]app.Pair{
		heldPair("x", 1, 1, 5*second, 2), heldPair("y", 2, 2, 19*second), meta, one, two,
	})))
	many := []app.Pair{meta}
	for id := range uint64(lock.MaxSessions + 1) {
		many = append(many, sessionPair(id+1, 20*second, 0, nil))
	}
	var greedy []app.Pair
	for i := range lock.MaxLocks + 1 {
		greedy = append(greedy, heldPair(fmt.Sprintf("%03d", i), 1, uint64(i+1), 0))
	}
	for text, bad := range map[string][]app.Pair{
		"cannot have token 0":         {heldPair("x", 1, 0, 0), meta, one},
		"cannot have token 3":         {heldPair("x", 1, 3, 0), meta, one},
		"\"y\" cannot have token 1":   {heldPair("x", 1, 1, 0), heldPair("y", 1, 1, 0), meta, one},
		"since 19000000001":           {heldPair("x", 1, 1, 19*second+1), meta, one},
		"session 1 twice":             {heldPair("x", 1, 1, 0, 1), meta, one},
		"session 2 twice":             {heldPair("x", 1, 1, 0, 2, 2), meta, one, two},
		"session 3 cannot have":       {heldPair("x", 1, 1, 0, 3), meta, one},
		"session 1 cannot have":       append(greedy, metaPair(1000, 19*second), one),
		"cannot end at 19000000000":   {meta, sessionPair(1, 19*second, 0, nil)},
		"cannot end at 20000000001":   {meta, sessionPair(1, 20*second+1, 0, nil)},
		"to command 1":                {meta, sessionPair(1, 20*second, 1, nil)},
		"to command 0":                {meta, sessionPair(1, 20*second, 0, answer)},
		"65537 sessions, at most":     many,
		"257 waiters, at most 256":    {heldPair("x", 1, 1, 0, make([]uint64, lock.MaxWaiters+1)...), meta},
		"session 0, want 1 or more":   {heldPair("x", 0, 1, 0), meta},
		"no such key":                 {heldPair(strings.Repeat("x", lock.MaxName+1), 1, 1, 0), meta},
		"a time of -1 ns, want 0":     {metaPair(1, -1)},
		"no state of a lock service:": {heldPair("", 1, 1, 0), meta},
	} {
		require.ErrorContains(t, (&lock.Table{}).Load(each(bad)), text)
	}
}
