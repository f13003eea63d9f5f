package proto_test

import (
	"math"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos/proto"
)

// sample is a message or record, and the items of its encoding: the numbers of kinds and
// the order of fields are a promise between versions.
type sample struct {
	data  machine.Data
	items []any
}

type list = []any

func seq(items ...any) []any { return items }

var (
	low   = proto.Ballot{Round: 7, Node: 2}
	high  = proto.Ballot{Round: proto.MaxRound, Node: 3}
	voter = proto.Voter{Node: 3, Disk: math.MaxUint64}

	origin = proto.Origin{Voter: voter, Life: 4, Seq: 300}
	batch  = proto.Value{Time: 5, Entries: []proto.Entry{
		{Origin: origin, Body: []byte("put")},
		{Kind: proto.EntryGroup, Body: []byte{}},
	}}
	batchItems = seq(5, list{
		list{3, uint64(math.MaxUint64), 4, 300, 0, []byte("put")},
		list{0, 0, 0, 0, 1, []byte{}},
	})
	noop      = proto.Value{Time: -9}
	noopItems = seq(-9, list{})

	trio = proto.Group{Version: 2, Quorum1: 3, Quorum2: 1, Alpha: 64, Members: []proto.Member{
		{Voter: proto.Voter{Node: 1, Disk: 11}, Addr: "a:1"},
		{Voter: proto.Voter{Node: 2, Disk: 22}},
		{Voter: voter, Addr: "c:3"},
	}}
	trioItems = seq(2, 3, 1, 64, list{
		list{1, 11, []byte("a:1")}, list{2, 22, []byte{}}, list{3, uint64(math.MaxUint64), []byte("c:3")},
	})
)

func join(lists ...[]any) (all []any) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// messages are one of each kind and more.
func messages() []sample {
	return []sample{
		{proto.Prepare{Ballot: low, From: 9, Blessed: high}, seq(1, 7, 2, 9, proto.MaxRound, 3)},
		{proto.Prepare{Ballot: low, From: 1}, seq(1, 7, 2, 1, 0, 0)},
		{proto.Promise{Ballot: low, Disk: 22}, seq(2, 7, 2, 22, 0, list{})},
		{proto.Promise{Ballot: low, Disk: 22, Next: 12, Votes: []proto.Vote{
			{Slot: 10, Ballot: high, Value: batch}, {Slot: 11, Chosen: true, Value: noop},
		}}, seq(2, 7, 2, 22, 12, list{
			join(seq(10, proto.MaxRound, 3, false), batchItems), join(seq(11, 0, 0, true), noopItems),
		})},
		{proto.Nack{Promised: high, Commit: math.MaxUint64}, seq(3, proto.MaxRound, 3, uint64(math.MaxUint64))},
		{proto.Nack{}, seq(3, 0, 0, 0)},
		{proto.Accept{Ballot: low, Slot: 10, Commit: 9, Value: batch}, join(seq(4, 7, 2, 10, 9), batchItems)},
		{proto.Accepted{Ballot: low, Disk: 22, Slot: 10}, seq(5, 7, 2, 22, 10)},
		{proto.Beat{Ballot: low, Round: 1000, Commit: 9}, seq(6, 7, 2, 1000, 9)},
		{proto.Echo{Ballot: low, Disk: 22, Round: 1000, Commit: 8}, seq(7, 7, 2, 22, 1000, 8)},
		{proto.Campaign{Ballot: low}, seq(8, 7, 2)},
		{proto.Want{From: 0}, seq(9, 0)},
		{proto.Learn{From: 10, Commit: 11, Values: []proto.Value{batch, noop}}, seq(10, 10, 11, list{list(batchItems), list(noopItems)})},
		{proto.Install{Slot: 10, Index: 2, Last: true, Body: []byte("sum")}, seq(11, 10, 2, true, []byte("sum"))},
		{proto.Installed{Slot: 10, Index: 3}, seq(12, 10, 3)},
		{proto.Forward{Disk: 22, Life: 4, Seq: 300, Body: []byte("put")}, seq(13, 22, 4, 300, []byte("put"))},
		{proto.ReadAsk{Disk: 22, Life: 4, Seq: 5}, seq(14, 22, 4, 5)},
		{proto.ReadAt{Disk: 22, Life: 4, Seq: 5, Slot: 9}, seq(15, 22, 4, 5, 9)},
		{proto.Hello{Disk: 22}, seq(16, 22)},
		{proto.Greet{Disk: 11, Formed: true, Group: trio}, join(seq(17, 11, true), trioItems)},
		{proto.Greet{Disk: 11}, seq(17, 11, false, nil)},
		{proto.Join{Disk: 44, Addr: "d:4", Commit: 9}, seq(18, 44, 9, []byte("d:4"))},
		{proto.Tick{}, seq(19)},
		{proto.Flush{}, seq(20)},
		{proto.Saved{Record: 70000}, seq(21, 70000)},
	}
}

// records are one of each kind.
func records() []sample {
	return []sample{
		{proto.Born{Disk: 22, Life: 4, New: true}, seq(22, 22, 4, true)},
		{proto.Formed{Group: trio}, join(seq(23), trioItems)},
		{proto.Promised{Ballot: low}, seq(24, 7, 2)},
		{proto.Voted{Ballot: low, Slot: 10, Commit: 9, Value: batch}, join(seq(25, 7, 2, 10, 9), batchItems)},
		{proto.Learned{Slot: 11, Value: noop}, join(seq(26, 11), noopItems)},
		{proto.Piece{Slot: 10, Index: 0, Body: []byte("head")}, seq(27, 10, 0, false, []byte("head"))},
	}
}

var sameData = cmp.Options{cmpopts.EquateEmpty()}

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

// itemsOf takes a sequence apart by another implementation.
func itemsOf(t require.TestingT, b []byte) (items []any) {
	dec, err := oracle.DecOptions{IndefLength: oracle.IndefLengthForbidden, TagsMd: oracle.TagsForbidden}.DecMode()
	require.NoError(t, err)
	for len(b) > 0 {
		var item any
		b, err = dec.UnmarshalFirst(b, &item)
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}
