package proto_test

import (
	oracle "github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// sample is a message or record, and the items of its encoding: the numbers of kinds and the
// order of fields are a promise between versions.
type sample struct {
	data  machine.Data
	items []any
}

type list = []any

func seq(items ...any) []any { return items }

func join(lists ...[]any) (all []any) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// sequence encodes items by another implementation's canonical form.
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

var (
	root  = []byte(vector.Root)
	child = vector.Server("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05")

	reach      = proto.Reach{Known: vector.Vector{{Server: vector.Root, Time: 300}, {Server: child}}, Commit: 7}
	reachItems = seq(list{list{root, 300}, list{[]byte(child), 0}}, 7)

	place      = proto.Place{Node: 3, Life: 9, Addr: "a:1", Zone: "z"}
	placeItems = list{3, 9, []byte("a:1"), []byte("z")}

	update = proto.Write{
		ID: vector.Stamp{Time: 9, Server: child}, Kind: proto.Update,
		Update: []proto.Change{{Key: "k", Value: []byte("v")}, {Key: "l", Delete: true}, {Key: "m", Value: []byte{}}},
		Check:  "if", Merge: "else",
	}
	updateItems = list{stampItems(9, []byte(child)), 1, list{
		list{list{[]byte("k"), []byte("v")}, list{[]byte("l"), nil}, list{[]byte("m"), []byte{}}}, []byte("if"), []byte("else"),
	}}
	birth           = proto.Write{ID: stamp(5), Kind: proto.Birth, Place: place}
	birthItems      = list{stampItems(5, root), 2, placeItems}
	retirement      = proto.Write{ID: vector.Stamp{Time: vector.MaxTime, Server: child}, Kind: proto.Retirement}
	retirementItems = list{stampItems(vector.MaxTime, []byte(child)), 3, nil}
	handover        = proto.Write{ID: stamp(6), Kind: proto.Handover, Heir: child}
	handoverItems   = list{stampItems(6, root), 4, []byte(child)}
	part            = proto.Part{
		At: proto.Cursor{Commit: 7, From: "kb"}, Sure: reach.Known,
		Pairs: []proto.Pair{{Key: "kb", Value: []byte("1")}, {Key: "kc", Value: []byte{}}}, Next: "kd",
	}
	partItems = seq(7, []byte("kb"), reachItems[0], list{list{[]byte("kb"), []byte("1")}, list{[]byte("kc"), []byte{}}}, []byte("kd"))
)

func stamp(time uint64) vector.Stamp { return vector.Stamp{Time: time, Server: vector.Root} }

func stampItems(time uint64, server []byte) list { return list{time, server} }

// messages are one of each kind and more.
func messages() []sample {
	return []sample{
		{proto.Offer{Database: 4, Reach: reach}, join(seq(1, 4), reachItems)},
		{proto.Offer{}, seq(1, 0, list{}, 0)},
		{proto.Want{Database: 4, Life: 8, Reach: reach, State: proto.Cursor{Commit: 2, From: "kx"}}, join(seq(2, 4, 8), reachItems, seq(2, []byte("kx")))},
		{
			proto.Batch{Database: 4, Life: 8, More: true, Reach: reach, Items: []proto.Item{
				{Commit: 1, ID: stamp(2)},
				{Commit: 2, ID: update.ID, Write: &update},
				{ID: birth.ID, Write: &birth},
				{ID: handover.ID, Write: &handover},
				{ID: retirement.ID, Write: &retirement},
			}},
			join(seq(3, 4, 8, list{
				list{1, false, stampItems(2, root)},
				list{2, true, updateItems},
				list{0, true, birthItems},
				list{0, true, handoverItems},
				list{0, true, retirementItems},
			}, true), reachItems),
		},
		{proto.Batch{Database: 4}, seq(3, 4, 0, list{}, false, list{}, 0)},
		{proto.Piece{Database: 4, Life: 8, Part: part, Clock: 400, Reach: reach}, join(seq(4, 4, 8), partItems, seq(400), reachItems)},
		{proto.Bear{Place: place}, seq(5, placeItems)},
		{proto.Born{Database: 4, Life: 9, Name: child}, seq(6, 4, 9, []byte(child))},
		{proto.Propose{From: 3, IDs: []vector.Stamp{stamp(2), update.ID}}, seq(7, 3, list{stampItems(2, root), updateItems[0]})},
		{proto.Ordered{First: 3, IDs: []vector.Stamp{stamp(2)}}, seq(8, 3, list{stampItems(2, root)})},
		{proto.Tick{}, seq(9)},
		{proto.Flush{}, seq(10)},
		{proto.Saved{Record: 1 << 40}, seq(11, 1<<40)},
	}
}

// records are one of each kind and more.
func records() []sample {
	return []sample{
		{proto.Named{Database: 4, Name: child, Place: place}, seq(12, 4, []byte(child), placeItems)},
		{proto.Learned{Write: update}, seq(13, updateItems)},
		{proto.Learned{Write: birth}, seq(13, birthItems)},
		{proto.Learned{Write: handover}, seq(13, handoverItems)},
		{proto.Learned{Write: retirement}, seq(13, retirementItems)},
		{proto.Committed{First: 3, IDs: []vector.Stamp{stamp(2)}}, seq(14, 3, list{stampItems(2, root)})},
		{proto.Kept{Part: part, Clock: 300}, join(seq(15), partItems, seq(300))},
		{proto.Kept{}, seq(15, 0, []byte{}, list{}, list{}, []byte{}, 0)},
		{proto.Forgot{Place: place}, seq(16, placeItems)},
	}
}
