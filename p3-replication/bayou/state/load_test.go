package state_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/kv"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// Pairs come from other servers and from disks.

// rich is a State that has pairs of all kinds.
func rich() *state.State {
	second, _ := vector.Root.Child(2)
	place := proto.Place{Node: 1, Life: 2, Addr: "a", Zone: "z"}
	return settled(
		&proto.Write{ID: vector.Stamp{Time: 1, Server: vector.Root}, Kind: proto.Birth, Place: place},
		put(2, "a", "1"), guarded(3, "a", "a", ""), guarded(4, "a", "a", ""),
		&proto.Write{ID: vector.Stamp{Time: 5, Server: vector.Root}, Kind: proto.Handover, Heir: second},
	)
}

func TestPairsThatNoWriteMakesAreRefusedAndTheStateIsAsItWas(t *testing.T) {
	good := pairs(rich(), state.Sure)
	require.NoError(t, newState().Load(good))
	of := func(prefix byte) proto.Pair {
		return good[slices.IndexFunc(good, func(p proto.Pair) bool { return p.Key[0] == prefix })]
	}
	item, conflict, server := of('k'), of('c'), of('s')
	time := func(t uint64) string { return string(binary.BigEndian.AppendUint64(nil, t)) }
	tooLong := cbor.AppendBytes(cbor.AppendUint(vector.Stamp{Time: 1, Server: vector.Root}.AppendTo(vector.Stamp{Time: 1, Server: vector.Root}.AppendTo(nil)), 1), make([]byte, kv.MaxValue+1))
	for what, p := range map[string]proto.Pair{
		"no key":                      {Key: "", Value: item.Value},
		"a prefix that is none":       {Key: "qa", Value: item.Value},
		"a prefix only":               {Key: "k", Value: item.Value},
		"an item of nothing":          {Key: "ka"},
		"an item and a byte":          {Key: "ka", Value: append(slices.Clone(item.Value), 0)},
		"an item cut":                 {Key: "ka", Value: item.Value[:5]},
		"an item of a value too long": {Key: "ka", Value: tooLong},
		"a conflict of another":       {Key: "c" + time(9) + string(vector.Root), Value: conflict.Value},
		"a conflict of nothing":       {Key: conflict.Key},
		"a conflict without a stamp":  {Key: "c", Value: conflict.Value},
		"a server of no name":         {Key: "sx", Value: server.Value},
		"a server of an empty name":   {Key: "s", Value: server.Value},
		"a server at no place":        {Key: server.Key, Value: nil},
		"a server at no node":         {Key: server.Key, Value: proto.AppendPlace(nil, &proto.Place{Life: 1})},
		"a primary of no name":        {Key: "p", Value: []byte("x")},
		"a primary of nobody":         {Key: "p"},
		"more than the primary":       {Key: "pp", Value: []byte(vector.Root)},
	} {
		s := rich()
		err := s.Load([]proto.Pair{p})
		require.ErrorContains(t, err, "the pair", what)
		require.Equal(t, rich().Hash(state.Full), s.Hash(state.Full), what)
		require.Equal(t, rich().Unresolved(), s.Unresolved(), what)
	}
	for what, bad := range map[string][]proto.Pair{
		"twice":        {item, item},
		"out of order": {server, item},
	} {
		require.ErrorContains(t, newState().Load(bad), "it comes behind", what)
	}
}

func TestAnEmptyStateIsOne(t *testing.T) {
	s := rich()
	require.NoError(t, s.Load(nil))
	require.Equal(t, newState().Hash(state.Full), s.Hash(state.Full))
	require.Equal(t, vector.Root, s.Primary(state.Sure))
	require.Zero(t, s.Unresolved())
	require.Zero(t, s.Len(state.Full))
}

// What is loaded can be looked at in every way, and stays as it was.
func FuzzLoad(f *testing.F) {
	for _, p := range pairs(rich(), state.Sure) {
		f.Add(p.Key, p.Value)
	}
	f.Add("kb", []byte{})
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s := newState()
		if err := s.Load([]proto.Pair{{Key: key, Value: value}}); err != nil {
			require.ErrorContains(t, err, "the pair")
			return
		}
		_ = s.Primary(state.Full)
		for range s.Items(state.Full, "", "", true) {
		}
		for range s.Servers(state.Full) {
		}
		for range s.Conflicts(state.Full, vector.Stamp{}) {
		}
		before := s.Hash(state.Full)
		e := s.Do(guarded(9, "b", "b", "count"))
		s.Undo(e)
		require.Equal(t, before, s.Hash(state.Full))
		require.Empty(t, func() error { return newState().Load(pairs(s, state.Sure)) }())
	})
}
