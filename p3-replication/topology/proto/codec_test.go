package proto_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p3-replication/topology/proto"
)

type (
	list    = []any
	decoder = func([]byte) (machine.Data, error)
)

// sample is a value of a kind, who takes it, and the items of its encoding: the numbers of kinds
// and the order of fields are a promise between versions.
type sample struct {
	data  machine.Data
	takes string // of probe, overlay, command, answer
	items list
}

var decoders = map[string]decoder{
	"probe": proto.DecodeProbe, "overlay": proto.DecodeOverlay,
	"command": proto.DecodeCommand, "answer": proto.DecodeAnswer,
}

func samples() []sample {
	here, hereItems := proto.Place{Node: 7, Addr: "a:1", Zone: "east"}, list{7, []byte("a:1"), []byte("east")}
	id, idItems := proto.ID{Origin: 2, Life: math.MaxUint64, Seq: 300}, list{2, uint64(math.MaxUint64), 300}
	item, itemItems := proto.Item{ID: id, Hops: 64, Body: []byte("b")}, list{idItems, 64, []byte("b")}
	row := proto.Row{Node: 3, Version: proto.Version{Count: 1 << 60, Life: 5}, Links: []proto.Link{{To: 1, RTT: 1}, {To: 9, RTT: proto.MaxRTT}}}
	rowItems := list{3, list{uint64(1 << 60), 5}, list{list{1, 1}, list{9, uint64(3600e9)}}}
	return []sample{
		{proto.Ping{Sent: 5, Life: 6, From: here}, "probe", list{1001, 5, 6, hereItems}},
		{proto.Pong{Sent: 5, Life: 6, From: here, Known: []proto.Place{here}}, "probe", list{1002, 5, 6, hereItems, list{hereItems}}},
		{proto.Probing{}, "probe", list{3}},
		{proto.Look{}, "command", list{4}},
		{item, "overlay", list{5, itemItems}},
		{proto.Rows{List: []proto.Row{row}}, "overlay", list{6, list{rowItems}}},
		{proto.Hello{Heard: []proto.Heard{{Node: 3, Version: row.Version}}, Have: []proto.ID{id}}, "overlay", list{7, list{list{3, list{uint64(1 << 60), 5}}}, list{idItems}}},
		{proto.Lack{Rows: []machine.Node{4}, Items: []proto.ID{id}}, "overlay", list{8, list{4}, list{idItems}}},
		{proto.Tick{}, "overlay", list{9}},
		{proto.Publish{Body: []byte("b")}, "command", list{10, []byte("b")}},
		{proto.Read{After: 8}, "command", list{11, 8}},
		{proto.Published{ID: id}, "answer", list{12, idItems}},
		{proto.Refused{}, "answer", list{13}},
		{proto.Items{List: []proto.Item{item}, Next: 3, Lost: 4}, "answer", list{14, list{itemItems}, 3, 4}},
		{
			proto.Outline{Tree: []proto.Edge{{A: 1, B: 2, RTT: 3}}, Next: []machine.Node{2}, Heard: 5, Copies: 6},
			"answer",
			list{15, list{list{1, 2, 3}}, list{2}, 5, 6},
		},
		{
			proto.Sight{Self: here, Peers: []proto.Seen{{Place: here, Up: true, RTT: 9}}, Chosen: 7},
			"overlay answer",
			list{1000, hereItems, list{list{hereItems, true, 9}}, 7},
		},
	}
}

// sequence encodes items, one after the other, by another implementation's canonical form.
func sequence(t require.TestingT, items list) (b []byte) {
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
	for _, s := range samples() {
		name := reflect.TypeOf(s.data).Name()
		b := s.data.AppendTo(nil)
		require.Equal(t, sequence(t, s.items), b, name)
		require.Equal(t, "before"+string(b), string(s.data.AppendTo([]byte("before"))), name)
		for who, decode := range decoders {
			got, err := decode(b)
			if !strings.Contains(s.takes, who) {
				require.ErrorIs(t, err, cbor.ErrMalformed, "%s by %s", name, who)
				continue
			}
			require.NoError(t, err, "%s by %s", name, who)
			require.Empty(t, cmp.Diff(s.data, got, cmpopts.EquateEmpty()))
			_, err = decode(append(slices.Clone(b), 0))
			require.ErrorIs(t, err, cbor.ErrMalformed, "%s with more behind", name)
		}
		_, sight := s.data.(proto.Sight)
		require.Equal(t, sight, proto.IsSight(b), name)
		require.Equal(t, name == "Ping" || name == "Pong", proto.ToProbe(machine.AppendMessage(nil, s.data)), name)
		require.False(t, proto.ToProbe(machine.AppendMessage(nil, machine.Call{ID: 1001, Cmd: s.data})), name)
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	for _, s := range samples() {
		b := s.data.AppendTo(nil)
		for n := range b {
			for who, decode := range decoders {
				_, err := decode(b[:n])
				require.ErrorIs(t, err, cbor.ErrMalformed, "%T to %d bytes, by %s", s.data, n, who)
			}
		}
	}
}

func TestWhatIsOutOfBoundsIsRefused(t *testing.T) {
	id, place := list{2, 3, 4}, list{7, []byte("a"), []byte("z")}
	long := []byte(strings.Repeat("x", proto.MaxName+1))
	many := func(n int, one any) list { return slices.Repeat(list{one}, n) }
	for want, items := range map[string]list{
		"kind 99":             {99},
		"time -1":             {1001, -1, 6, place},
		"node 0":              {1001, 5, 6, list{0, []byte("a"), []byte("z")}},
		"a name of 257":       {1001, 5, 6, list{7, long, []byte("z")}},
		"a list of 9":         {1002, 5, 6, place, many(9, place)},
		"65 hops":             {5, list{id, 65, []byte{}}},
		"hops: at most 64":    {5, list{id, uint64(1 << 63), []byte{}}},
		"a body of 65537":     {5, list{id, 0, make([]byte, proto.MaxBody+1)}},
		"a list of 65":        {6, many(65, 1)},
		"a version of":        {6, list{list{3, list{uint64(1<<60 + 1), 5}, list{}}}},
		"node 1 behind 1":     {6, list{list{3, list{1, 5}, list{list{1, 1}, list{1, 2}}}}},
		"0 ns: want 1":        {6, list{list{3, list{1, 5}, list{list{1, 0}}}}},
		"3600000000001 ns":    {6, list{list{3, list{1, 5}, list{list{1, uint64(3600e9 + 1)}}}}},
		"node 3 behind 4":     {7, list{list{4, list{1, 1}}, list{3, list{1, 1}}}, list{}},
		"a list of 1025":      {7, list{}, many(1025, id)},
		"an edge from 2 to 2": {15, list{list{2, 2, 3}}, list{}, 5, 6},
		"node 7 behind 7":     {1000, place, list{list{place, true, 9}, list{place, true, 9}}, 7},
	} {
		b := sequence(t, items)
		var texts []string
		for who, decode := range decoders {
			_, err := decode(b)
			require.ErrorIs(t, err, cbor.ErrMalformed, "%s by %s", want, who)
			texts = append(texts, fmt.Sprint(err))
		}
		require.Contains(t, strings.Join(texts, "\n"), want)
	}
}

func TestVersionsAreOrderedByCountThenLife(t *testing.T) {
	ordered := []proto.Version{{}, {Count: 0, Life: 9}, {Count: 1, Life: 2}, {Count: 1, Life: 3}, {Count: 2}}
	for i, v := range ordered {
		for j, o := range ordered {
			require.Equal(t, max(-1, min(1, i-j)), v.Compare(o), "%v and %v", v, o)
		}
	}
}

func TestAVersionAboveAnotherIsNewer(t *testing.T) {
	for _, v := range []proto.Version{{}, {Count: 7, Life: 9}, {Count: proto.MaxCount, Life: 5}} {
		above := v.Above(3)
		require.Positive(t, above.Compare(v))
		require.LessOrEqual(t, above.Count, uint64(proto.MaxCount))
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		f.Add(s.data.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for who, decode := range decoders {
			d, err := decode(b)
			if err != nil {
				require.ErrorIs(t, err, cbor.ErrMalformed)
				continue
			}
			require.Equal(t, b, d.AppendTo(nil), who)
		}
		proto.ToProbe(b)
	})
}
