package proto_test

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/cbor"
	"dss.example/common/house/tally"
	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos/proto"
)

type decoder = func([]byte) (machine.Data, error)

// each calls fn for every sample with its decoder and the other one.
func each(fn func(s sample, own, other decoder)) {
	for _, s := range messages() {
		fn(s, proto.DecodeMessage, proto.DecodeRecord)
	}
	for _, s := range records() {
		fn(s, proto.DecodeRecord, proto.DecodeMessage)
	}
}

func TestEncodingsAreTheseItemsInThisOrder(t *testing.T) {
	kinds := map[string]bool{}
	each(func(s sample, own, _ decoder) {
		name := fmt.Sprintf("%T", s.data)
		kinds[name] = true
		b := s.data.AppendTo(nil)
		require.Equal(t, sequence(t, s.items...), b, name)
		got, err := own(b)
		require.NoError(t, err, name)
		require.Empty(t, cmp.Diff(s.data, got, sameData))
	})
	require.Len(t, kinds, 27, "one of each kind")
}

func TestAppendToKeepsWhatStandsBefore(t *testing.T) {
	each(func(s sample, _, _ decoder) {
		require.Equal(t, "before"+string(s.data.AppendTo(nil)), string(s.data.AppendTo([]byte("before"))))
	})
}

func TestAMessageIsNoRecordAndARecordNoMessage(t *testing.T) {
	each(func(s sample, _, other decoder) {
		got, err := other(s.data.AppendTo(nil))
		require.ErrorIs(t, err, cbor.ErrMalformed, "%T", s.data)
		require.ErrorContains(t, err, "kind")
		require.Nil(t, got)
	})
}

func TestNothingIsReadFromAFrameThatIsCutAnywhere(t *testing.T) {
	tried := 0
	each(func(s sample, own, _ decoder) {
		b := s.data.AppendTo(nil)
		for n := range b {
			got, err := own(b[:n])
			require.ErrorIs(t, err, cbor.ErrMalformed, "%T cut at %d of %d", s.data, n, len(b))
			require.Nil(t, got)
			tried++
		}
		_, err := own(append(b, 0))
		require.ErrorIs(t, err, cbor.ErrMalformed, "%T with a byte too many", s.data)
	})
	tally.Add(t, "badinputs", tried)
}

// canonical demands that what is read of b, if anything is, is what b was written from, and
// that little memory was taken either way.
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

func TestAFlippedBitIsRefusedOrMakesAnotherValueOfTheSameForm(t *testing.T) {
	refused, taken := 0, 0
	each(func(s sample, own, _ decoder) {
		b := s.data.AppendTo(nil)
		for i := range 8 * len(b) {
			flipped := slices.Clone(b)
			flipped[i/8] ^= 1 << (i % 8)
			if canonical(t, own, flipped) {
				taken++
			} else {
				refused++
			}
		}
	})
	require.Greater(t, refused, 1000)
	require.Greater(t, taken, 1000)
	tally.Add(t, "badinputs", refused+taken)
}

func TestALengthThatIsNotThereIsRefusedBeforeMemoryIsTakenForIt(t *testing.T) {
	tried := 0
	each(func(s sample, own, _ decoder) {
		b := s.data.AppendTo(nil)
		for _, bomb := range [][]byte{
			{0x9b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff},
			{0x9a, 0x7f, 0xff, 0xff, 0xff},
			{0x99, 0xff, 0xff},
			{0x5b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff},
			{0x5a, 0x7f, 0xff, 0xff, 0xff},
			{0x59, 0xff, 0xff},
		} {
			for i := range b {
				require.False(t, canonical(t, own, slices.Concat(b[:i], bomb, b[i+1:])), "%T, bomb %x at %d", s.data, bomb, i)
				tried++
			}
		}
	})
	tally.Add(t, "badinputs", tried)
}

func TestManyTinyItemsTakeAFewTimesTheirBytes(t *testing.T) {
	const size = 64 << 10
	many := func(head []byte, item []byte) []byte {
		n := (size - len(head)) / len(item)
		return append(cbor.AppendArray(head, n), bytes.Repeat(item, n)...)
	}
	for name, b := range map[string][]byte{
		"empty values":  many(sequence(t, 10, 1, 1), sequence(t, list{0, list{}})),
		"empty entries": many(sequence(t, 4, 7, 2, 1, 0, 0), sequence(t, list{0, 0, 0, 0, 0, []byte{}})),
		"empty votes":   many(sequence(t, 2, 7, 2, 22, 0), sequence(t, list{1, 1, 1, false, 0, list{}})),
		"members":       many(sequence(t, 17, 11, true, 1, 0, 0), sequence(t, list{1, 1, []byte{}})),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = proto.DecodeMessage(b)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), name)
	}
}

func TestWhatIsDecodedSharesNoMemoryWithItsBytes(t *testing.T) {
	each(func(s sample, own, _ decoder) {
		b := s.data.AppendTo(nil)
		got, err := own(b)
		require.NoError(t, err)
		for i := range b {
			b[i] = 0xee
		}
		require.Empty(t, cmp.Diff(s.data, got, sameData))
	})
}

func TestFieldsOutOfBoundsAreRefused(t *testing.T) {
	entries := func(n int) []any {
		return slices.Repeat(list{list{0, 0, 0, 0, 0, []byte{}}}, n)
	}
	for name, items := range map[string][]any{
		"no kind":                            seq(),
		"kind 0":                             seq(0),
		"kind 28":                            seq(28),
		"kind beyond all":                    seq(uint64(math.MaxUint64)),
		"a ballot of nobody's":               seq(8, 0, 0),
		"a ballot of round 0":                seq(8, 0, 2),
		"a ballot of node 0":                 seq(8, 7, 0),
		"a ballot of a round too high":       seq(8, proto.MaxRound+1, 2),
		"a promise of a round without node":  seq(3, 7, 0, 0),
		"blessed by a node without a round":  seq(1, 7, 2, 9, 0, 3),
		"slot 0":                             seq(5, 7, 2, 22, 0),
		"a slot that overflows its position": seq(5, 7, 2, 22, 1<<54),
		"prepare from slot 0":                seq(1, 7, 2, 0, 0, 0),
		"learn from slot 0":                  seq(10, 0, 0, list{}),
		"a snapshot after slot 0":            seq(11, 0, 0, false, []byte{}),
		"a vote for slot 0":                  seq(2, 7, 2, 22, 0, list{join(seq(0, 7, 2, false), noopItems)}),
		"a vote in no ballot":                seq(2, 7, 2, 22, 0, list{join(seq(1, 0, 0, false), noopItems)}),
		"a chosen value with a ballot":       seq(2, 7, 2, 22, 0, list{join(seq(1, 7, 2, true), noopItems)}),
		"a vote of five items":               seq(2, 7, 2, 22, 0, list{seq(1, 7, 2, false, 0)}),
		"a vote of seven items":              seq(2, 7, 2, 22, 0, list{seq(1, 7, 2, false, 0, list{}, 0)}),
		"an entry of a kind unknown":         seq(4, 7, 2, 1, 0, 0, list{list{0, 0, 0, 0, 2, []byte{}}}),
		"an entry of five items":             seq(4, 7, 2, 1, 0, 0, list{list{0, 0, 0, 0, 0}}),
		"an entry whose body is text":        seq(4, 7, 2, 1, 0, 0, list{list{0, 0, 0, 0, 0, "put"}}),
		"more entries than positions":        seq(4, 7, 2, 1, 0, 0, entries(proto.MaxEntries+1)),
		"a value of one item":                seq(10, 1, 1, list{list{0}}),
		"a group of version 0":               join(seq(17, 11, true, 0), trioItems[1:]),
		"a group that is no group":           seq(17, 11, true, 1, 0, 0, list{}),
		"a group of a member twice":          seq(17, 11, true, 1, 0, 0, list{list{1, 1, []byte{}}, list{1, 2, []byte{}}}),
		"a group of quorums that miss":       seq(17, 11, true, 1, 1, 1, list{list{1, 1, []byte{}}, list{2, 2, []byte{}}}),
		"a quorum beyond all groups":         seq(17, 11, true, 1, 64, 1, list{list{1, 1, []byte{}}}),
		"a member of two items":              seq(17, 11, true, 1, 0, 0, list{list{1, 1}}),
		"a bool that is a number":            seq(17, 11, 1, nil),
		"an address of 256 bytes":            seq(18, 44, 9, make([]byte, proto.MaxAddr+1)),
		"a negative number":                  seq(9, -1),
	} {
		got, err := proto.DecodeMessage(sequence(t, items...))
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
		require.Nil(t, got, name)
	}
	for name, items := range map[string][]any{
		"the last slot":               seq(5, 7, 2, 22, 1<<54-1),
		"as many entries as may be":   seq(4, 7, 2, 1, 0, 0, entries(proto.MaxEntries)),
		"an address of 255 bytes":     seq(18, 44, 9, make([]byte, proto.MaxAddr)),
		"a time before all times":     seq(4, 7, 2, 1, 0, int64(math.MinInt64), list{}),
		"a beat of a commit too high": seq(6, 7, 2, 1, uint64(math.MaxUint64)),
	} {
		_, err := proto.DecodeMessage(sequence(t, items...))
		require.NoError(t, err, name)
	}
}

func drawBallot(t *rapid.T) proto.Ballot {
	return proto.Ballot{
		Round: rapid.Uint64Range(1, proto.MaxRound).Draw(t, "round"),
		Node:  machine.Node(rapid.Uint64Min(1).Draw(t, "node")),
	}
}

func drawSlot(t *rapid.T) uint64 { return rapid.Uint64Range(1, 1<<54-1).Draw(t, "slot") }

func drawNumber(t *rapid.T) uint64 { return rapid.Uint64().Draw(t, "number") }

func drawBody(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body") }

func drawValue(t *rapid.T) proto.Value {
	v := proto.Value{Time: machine.Time(rapid.Int64().Draw(t, "time"))}
	for range rapid.IntRange(0, 4).Draw(t, "entries") {
		v.Entries = append(v.Entries, proto.Entry{
			Origin: proto.Origin{Voter: drawVoter(t), Life: drawNumber(t), Seq: drawNumber(t)},
			Kind:   rapid.SampledFrom([]proto.EntryKind{proto.EntryCommand, proto.EntryGroup}).Draw(t, "kind"),
			Body:   drawBody(t),
		})
	}
	return v
}

func drawVoter(t *rapid.T) proto.Voter {
	return proto.Voter{Node: machine.Node(drawNumber(t)), Disk: drawNumber(t)}
}

func drawVote(t *rapid.T) proto.Vote {
	v := proto.Vote{Slot: drawSlot(t), Value: drawValue(t), Chosen: rapid.Bool().Draw(t, "chosen")}
	if !v.Chosen {
		v.Ballot = drawBallot(t)
	}
	return v
}

func drawGroup(t *rapid.T) proto.Group {
	g := proto.Group{Version: rapid.Uint64Min(1).Draw(t, "version"), Alpha: rapid.Uint64Range(1, proto.MaxAlpha).Draw(t, "alpha")}
	n := rapid.IntRange(1, proto.MaxMembers).Draw(t, "members")
	for i := range n {
		g.Members = append(g.Members, proto.Member{
			Voter: proto.Voter{Node: machine.Node(i + 1), Disk: rapid.Uint64Min(1).Draw(t, "disk")},
			Addr:  string(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "addr")),
		})
	}
	if rapid.Bool().Draw(t, "flexible") {
		g.Quorum1 = rapid.IntRange(1, n).Draw(t, "quorum 1")
		g.Quorum2 = rapid.IntRange(n-g.Quorum1+1, n).Draw(t, "quorum 2")
	}
	return g
}

func drawPiece(t *rapid.T) proto.Piece {
	return proto.Piece{Slot: drawSlot(t), Index: drawNumber(t), Last: rapid.Bool().Draw(t, "last"), Body: drawBody(t)}
}

// drawMessage draws one of all kinds that hold anything.
func drawMessage(t *rapid.T) machine.Data {
	b, n := drawBallot(t), func() uint64 { return drawNumber(t) }
	switch rapid.IntRange(0, 18).Draw(t, "kind") {
	case 0:
		m := proto.Prepare{Ballot: b, From: drawSlot(t)}
		if rapid.Bool().Draw(t, "blessed") {
			m.Blessed = drawBallot(t)
		}
		return m
	case 1:
		m := proto.Promise{Ballot: b, Disk: n(), Next: n()}
		for range rapid.IntRange(0, 3).Draw(t, "votes") {
			m.Votes = append(m.Votes, drawVote(t))
		}
		return m
	case 2:
		return proto.Nack{Promised: b, Commit: n()}
	case 3:
		return proto.Accept{Ballot: b, Slot: drawSlot(t), Commit: n(), Value: drawValue(t)}
	case 4:
		return proto.Accepted{Ballot: b, Disk: n(), Slot: drawSlot(t)}
	case 5:
		return proto.Beat{Ballot: b, Round: n(), Commit: n()}
	case 6:
		return proto.Echo{Ballot: b, Disk: n(), Round: n(), Commit: n()}
	case 7:
		return proto.Campaign{Ballot: b}
	case 8:
		return proto.Want{From: n()}
	case 9:
		m := proto.Learn{From: drawSlot(t), Commit: n()}
		for range rapid.IntRange(0, 3).Draw(t, "values") {
			m.Values = append(m.Values, drawValue(t))
		}
		return m
	case 10:
		return proto.Install(drawPiece(t))
	case 11:
		return proto.Installed{Slot: drawSlot(t), Index: n()}
	case 12:
		return proto.Forward{Disk: n(), Life: n(), Seq: n(), Body: drawBody(t)}
	case 13:
		return proto.ReadAsk{Disk: n(), Life: n(), Seq: n()}
	case 14:
		return proto.ReadAt{Disk: n(), Life: n(), Seq: n(), Slot: n()}
	case 15:
		return proto.Hello{Disk: n()}
	case 16:
		m := proto.Greet{Disk: n(), Formed: rapid.Bool().Draw(t, "formed")}
		if rapid.Bool().Draw(t, "known") {
			m.Group = drawGroup(t)
		}
		return m
	case 17:
		return proto.Join{Disk: n(), Commit: n(), Addr: string(rapid.SliceOfN(rapid.Byte(), 0, proto.MaxAddr).Draw(t, "addr"))}
	}
	return proto.Saved{Record: n()}
}

func drawRecord(t *rapid.T) machine.Data {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return proto.Born{Disk: drawNumber(t), Life: drawNumber(t), New: rapid.Bool().Draw(t, "new")}
	case 1:
		return proto.Formed{Group: drawGroup(t)}
	case 2:
		return proto.Promised{Ballot: drawBallot(t)}
	case 3:
		return proto.Voted{Ballot: drawBallot(t), Slot: drawSlot(t), Commit: drawNumber(t), Value: drawValue(t)}
	case 4:
		return proto.Learned{Slot: drawSlot(t), Value: drawValue(t)}
	}
	return drawPiece(t)
}

func TestWhatIsSaidAndSavedDecodesAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw, own, other := drawMessage, proto.DecodeMessage, proto.DecodeRecord
		if rapid.Bool().Draw(t, "record") {
			draw, own, other = drawRecord, other, own
		}
		data := draw(t)
		b := data.AppendTo(nil)
		require.Equal(t, b, sequence(t, itemsOf(t, b)...), "another encoder writes the same")
		got, err := own(b)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(data, got, sameData))
		_, err = other(b)
		require.ErrorIs(t, err, cbor.ErrMalformed)
	})
}
