package gossip_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
	"dss.example/p3-replication/vector"
)

type (
	list    = []any
	decoder = func([]byte) (machine.Data, error)
)

// sample is a value of a kind, and the items of its encoding: the numbers of kinds and the order of
// fields are a promise between versions.
type sample struct {
	data  machine.Data
	items []any
}

func seq(items ...any) []any { return items }

// samples are one of each kind and more, by the decoder that takes them.
func samples() (messages, records, commands, answers []sample) {
	site := []byte(stamp(1).Server)
	live, liveItems := gossip.Item{Key: "k", Stamp: stamp(300), Value: []byte("v")}, list{[]byte("k"), list{300, site}, []byte("v"), nil}
	dead := gossip.Item{Key: "d", Stamp: stamp(5), Death: &gossip.Death{Awake: stamp(9), Age: 70, Keepers: []machine.Node{2, 3}}}
	deadItems := list{[]byte("d"), list{5, site}, []byte{}, list{list{9, site}, 70, list{2, 3}}}
	none := []byte{}
	messages = []sample{
		{gossip.Mail{Item: live}, seq(1, liveItems)},
		{gossip.Mail{Item: dead}, seq(1, deadItems)},
		{gossip.Rumours{}, seq(2, list{}, list{}, false, false, false)},
		{
			gossip.Rumours{
				Items: []gossip.Item{live, dead}, Begins: true, Blind: true,
				Verdicts: []gossip.Verdict{{Key: "k", Stamp: stamp(4), Needed: true}},
			},
			seq(2, list{liveItems, deadItems}, list{list{[]byte("k"), list{4, site}, true}}, true, false, true),
		},
		{gossip.Page{ID: math.MaxUint64, Probe: true}, seq(3, uint64(math.MaxUint64), false, false, true, false, 0, 0, nil, none, nil, none, list{}, list{})},
		{
			gossip.Page{
				ID: 7, Begins: true, Check: true, Last: true, Sum: 1 << 60, Way: gossip.PushPull, Give: []gossip.Item{live},
				Upper: gossip.Mark{Stamp: stamp(400), Key: "z"}, Lower: gossip.Mark{Stamp: stamp(5), Key: "d"},
				Digests: []gossip.Digest{{Key: "k", Stamp: stamp(300)}, {Key: "d", Stamp: stamp(5), Awake: stamp(9)}},
			},
			seq(3, 7, true, true, false, true, uint64(1<<60), 3, list{400, site}, []byte("z"), list{5, site}, []byte("d"),
				list{liveItems}, list{list{[]byte("k"), list{300, site}, nil}, list{[]byte("d"), list{5, site}, list{9, site}}}),
		},
		{
			gossip.Diff{ID: 7, Items: []gossip.Item{dead}, Wants: []string{"a", "b"}, Lower: gossip.Mark{Stamp: stamp(5), Key: "d"}},
			seq(4, 7, list{deadItems}, list{[]byte("a"), []byte("b")}, false, list{5, site}, []byte("d")),
		},
		{gossip.Diff{ID: 7, Done: true}, seq(4, 7, list{}, list{}, true, nil, none)},
		{gossip.Busy{Exchange: true}, seq(5, true)},
		{gossip.Tick{}, seq(6)},
	}
	records = []sample{
		{gossip.Born{Name: stamp(1).Server, Time: 44}, seq(7, site, 44)},
		{gossip.Kept{Item: dead}, seq(8, deadItems)},
		{gossip.Dropped{Key: "k", Stamp: stamp(5)}, seq(9, []byte("k"), list{5, site})},
	}
	commands = []sample{
		{gossip.Put{Key: "k", Value: []byte("v")}, seq(10, []byte("k"), []byte("v"))},
		{gossip.Delete{Key: "k"}, seq(11, []byte("k"))},
		{gossip.Get{Key: "k"}, seq(12, []byte("k"))},
		{gossip.Look{}, seq(13)},
	}
	answers = []sample{
		{gossip.Written{Stamp: stamp(5)}, seq(14, list{5, site})},
		{gossip.Found{Value: []byte("v"), Stamp: stamp(5)}, seq(15, []byte("v"), list{5, site})},
		{gossip.Missing{}, seq(16)},
		{gossip.Refused{Why: gossip.Full}, seq(17, 2)},
		{gossip.Outline{Sum: 9, Values: 1, Deaths: 2, Dormant: 3, Hot: 4}, seq(18, 9, 1, 2, 3, 4)},
	}
	return messages, records, commands, answers
}

// each calls fn for every sample with its decoder and the others.
func each(fn func(s sample, own decoder, others []decoder)) {
	decoders := []decoder{gossip.DecodeMessage, gossip.DecodeRecord, gossip.DecodeCommand, gossip.DecodeAnswer}
	messages, records, commands, answers := samples()
	for i, all := range [][]sample{messages, records, commands, answers} {
		for _, s := range all {
			fn(s, decoders[i], slices.Concat(decoders[:i], decoders[i+1:]))
		}
	}
}

// sequence encodes items, one after the other, by another implementation's canonical form.
func sequence(t require.TestingT, items ...any) (b []byte) {
	enc, err := oracle.CoreDetEncOptions().EncMode()
	require.NoError(t, err)
	for _, item := range items {
		one, err := enc.Marshal(item)
		require.NoError(t, err)
		b = append(b, one...)
	}
	return b
}

func TestEncodingsAreTheseItemsInThisOrder(t *testing.T) {
	kinds := map[string]bool{}
	each(func(s sample, own decoder, others []decoder) {
		name := fmt.Sprintf("%T", s.data)
		kinds[name] = true
		b := s.data.AppendTo(nil)
		require.Equal(t, sequence(t, s.items...), b, name)
		require.Equal(t, "before"+string(b), string(s.data.AppendTo([]byte("before"))), name)
		got, err := own(b)
		require.NoError(t, err, name)
		require.Empty(t, cmp.Diff(s.data, got, sameData))
		for _, other := range others {
			got, err := other(b)
			require.ErrorIs(t, err, cbor.ErrMalformed, name)
			require.Nil(t, got)
		}
		for i := range b {
			b[i] = 0xee
		}
		require.Empty(t, cmp.Diff(s.data, got, sameData), "it shares no memory with its bytes")
	})
	require.Len(t, kinds, 18, "one of each kind")
}

// canonical demands that what is read of b, if anything is, is what b was written from, and that
// little memory was taken either way.
func canonical(t *testing.T, decode decoder, b []byte) (ok bool) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := decode(b)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), "%x", b)
	if err != nil {
		require.ErrorIs(t, err, cbor.ErrMalformed)
		require.Nil(t, got)
		return false
	}
	require.Equal(t, b, got.AppendTo([]byte{}), "%#v", got)
	return true
}

func TestBytesThatAreCutOrFlippedOrBombedAreRefusedOrMeanWhatTheySay(t *testing.T) {
	refused, taken := 0, 0
	try := func(decode decoder, b []byte) {
		if canonical(t, decode, b) {
			taken++
		} else {
			refused++
		}
	}
	each(func(s sample, own decoder, _ []decoder) {
		b := s.data.AppendTo(nil)
		for n := range b {
			require.False(t, canonical(t, own, b[:n]), "%T cut at %d", s.data, n)
			try(own, slices.Concat(b[:n], []byte{0x9b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff}, b[n+1:]))
			try(own, slices.Concat(b[:n], []byte{0x5a, 0x7f, 0xff, 0xff, 0xff}, b[n+1:]))
		}
		require.False(t, canonical(t, own, append(slices.Clone(b), 0)), "%T with a byte too many", s.data)
		for i := range 8 * len(b) {
			flipped := slices.Clone(b)
			flipped[i/8] ^= 1 << (i % 8)
			try(own, flipped)
		}
	})
	require.Greater(t, refused, 1000)
	require.Greater(t, taken, 1000)
}

func TestFieldsOutOfBoundsAreRefused(t *testing.T) {
	site := []byte(stamp(1).Server)
	item := func(key string, value []byte, death any) list {
		return list{[]byte(key), list{5, site}, append([]byte{}, value...), death}
	}
	digest := func(key string, time int) list { return list{[]byte(key), list{time, site}, nil} }
	page := func(upper, lower []any, digests ...any) []any {
		return slices.Concat(seq(3, 1, false, false, false, false, 0, 3), upper, lower, seq(list{}, digests))
	}
	open := seq(nil, []byte{})
	death := func(awake int, age any, keepers ...any) list { return list{list{awake, site}, age, keepers} }
	for name, items := range map[string][]any{
		"no kind":                         seq(),
		"kind 0":                          seq(0),
		"kind beyond all":                 seq(19),
		"an empty key":                    seq(1, item("", nil, nil)),
		"a key of 257 bytes":              seq(1, item(string(make([]byte, gossip.MaxKey+1)), nil, nil)),
		"a value of 4097 bytes":           seq(1, item("k", make([]byte, gossip.MaxValue+1), nil)),
		"a stamp of time 0":               seq(1, list{[]byte("k"), list{0, site}, []byte{}, nil}),
		"a stamp of nobody":               seq(1, list{[]byte("k"), list{5, []byte("x")}, []byte{}, nil}),
		"an item of three":                seq(1, list{[]byte("k"), list{5, site}, nil}),
		"a dead item with a value":        seq(1, item("k", []byte("v"), death(5, 0))),
		"awake before it died":            seq(1, item("k", nil, death(4, 0))),
		"an age below 0":                  seq(1, item("k", nil, death(5, -1))),
		"an age beyond all":               seq(1, item("k", nil, death(5, uint64(1<<62)))),
		"keepers out of order":            seq(1, item("k", nil, death(5, 0, 3, 2))),
		"a keeper twice":                  seq(1, item("k", nil, death(5, 0, 3, 3))),
		"keeper 0":                        seq(1, item("k", nil, death(5, 0, 0))),
		"too many keepers":                seq(1, item("k", nil, death(5, 0, slices.Repeat(list{1}, gossip.MaxKeepers+1)...))),
		"too many items":                  seq(2, slices.Repeat(list{item("k", nil, nil)}, gossip.MaxPage+1), list{}, false, false, false),
		"too many verdicts":               seq(2, list{}, slices.Repeat(list{list{[]byte("k"), list{5, site}, true}}, gossip.MaxPage+1), false, false, false),
		"too many wants":                  seq(4, 1, list{}, slices.Repeat(list{[]byte("k")}, gossip.MaxPage+1), false, nil, []byte{}),
		"way 4":                           slices.Concat(seq(3, 1, false, false, false, false, 0, 4), open, open, seq(list{}, list{})),
		"digests out of order":            page(open, open, digest("k", 5), digest("k", 6)),
		"a digest twice":                  page(open, open, digest("k", 5), digest("k", 5)),
		"a digest at the upper mark":      page(seq(list{5, site}, []byte("k")), open, digest("k", 5)),
		"a digest below the lower mark":   page(open, seq(list{5, site}, []byte("k")), digest("j", 5)),
		"a digest awake before it died":   page(open, open, list{[]byte("k"), list{5, site}, list{4, site}}),
		"a mark of a key without a stamp": page(seq(nil, []byte("k")), open),
		"a mark of a stamp without a key": page(seq(list{5, site}, []byte{}), open),
		"a mark of 257 bytes":             page(seq(list{5, site}, make([]byte, gossip.MaxKey+1)), open),
	} {
		got, err := gossip.DecodeMessage(sequence(t, items...))
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
		require.Nil(t, got, name)
	}
	for name, items := range map[string][]any{
		"the longest key and value":  seq(1, item(string(make([]byte, gossip.MaxKey)), make([]byte, gossip.MaxValue), nil)),
		"as many items as may be":    seq(2, slices.Repeat(list{item("k", nil, nil)}, gossip.MaxPage), list{}, false, false, false),
		"as many keepers as may be":  seq(1, item("k", nil, death(5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))),
		"a digest at the lower mark": page(open, seq(list{5, site}, []byte("k")), digest("k", 5)),
	} {
		_, err := gossip.DecodeMessage(sequence(t, items...))
		require.NoError(t, err, name)
	}
	for name, items := range map[string][]any{
		"a clock beyond all":   seq(7, site, uint64(vector.MaxTime+1)),
		"a name of nobody":     seq(7, []byte{}, 1),
		"dropped of no key":    seq(9, []byte{}, list{5, site}),
		"kept without an item": seq(8),
	} {
		_, err := gossip.DecodeRecord(sequence(t, items...))
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
	}
	for _, why := range []any{0, 4, 300} {
		_, err := gossip.DecodeAnswer(sequence(t, 17, why))
		require.ErrorIs(t, err, cbor.ErrMalformed)
	}
	_, err := gossip.DecodeAnswer(sequence(t, 18, 0, uint64(math.MaxUint64), 0, 0, 0))
	require.ErrorIs(t, err, cbor.ErrMalformed)
}

// reads demands that what is decoded is what its bytes were written from.
func reads(t *testing.T, decode decoder, b []byte) {
	got, err := decode(b)
	if err != nil {
		require.ErrorIs(t, err, cbor.ErrMalformed)
		require.Nil(t, got)
		return
	}
	require.Equal(t, b, got.AppendTo([]byte{}))
}

func FuzzDecoders(f *testing.F) {
	each(func(s sample, _ decoder, _ []decoder) { f.Add(s.data.AppendTo(nil)) })
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, decode := range []decoder{gossip.DecodeMessage, gossip.DecodeRecord, gossip.DecodeCommand, gossip.DecodeAnswer} {
			reads(t, decode, b)
		}
	})
}

// FuzzSteps gives a site messages of strangers, one after the other. Whatever they are, it does not
// panic, and what it says can be read.
func FuzzSteps(f *testing.F) {
	messages, _, _, _ := samples()
	var script []byte
	for _, s := range messages {
		script = cbor.AppendBytes(script, s.data.AppendTo(nil))
	}
	f.Add(script, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		c := gossip.Config{
			Rumours: gossip.PushPull, Fade: gossip.Fade{K: 2, Coin: kind&1 != 0, Blind: kind&2 != 0}, Mail: kind&4 != 0,
			Entropy: gossip.PushPull, Compare: gossip.Compare(kind >> 4 & 3), Page: 3, Retain: 3 * period, Dormant: 9 * period, Keepers: 1,
		}
		y := newYard(t, uint64(kind), alike(3, c)...)
		r := cbor.NewReader(b)
		for range 50 {
			frame := r.Bytes()
			if r.Err() != nil {
				return
			}
			if msg, err := gossip.DecodeMessage(frame); err == nil {
				y.now += period / 2
				from := 2
				if _, tick := msg.(gossip.Tick); tick {
					from = 1
				}
				for _, said := range y.say(from, 1, msg) {
					reads(t, gossip.DecodeMessage, said.AppendTo(nil))
				}
			}
		}
	})
}
