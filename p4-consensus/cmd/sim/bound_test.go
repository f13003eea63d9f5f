package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p4-consensus/cmd/sim/worlds"
	"dss.example/p4-consensus/paxos/proto"
)

// Few schedules tell a candidate of two votes for one slot, the highest first: it is told by
// hand, in both orders.
func TestACandidateProposesTheHighestVoteInWhateverOrderItIsTold(t *testing.T) {
	low := proto.Promise{Disk: 2, Votes: []proto.Vote{{Slot: 1, Ballot: proto.Ballot{Round: 1, Node: 2}, Value: proto.Value{Time: 2}}}}
	high := proto.Promise{Disk: 3, Votes: []proto.Vote{{Slot: 1, Ballot: proto.Ballot{Round: 2, Node: 3}, Value: proto.Value{Time: 3}}}}
	for name, told := range map[string][]proto.Promise{"lowest first": {low, high}, "highest first": {high, low}} {
		t.Run(name, func(t *testing.T) { require.Equal(t, machine.Time(3), proposes(t, told).Time) })
	}
}

// proposes returns what the first of five replicas proposes for slot 1 after it has promised
// ballot 5.5, has begun one of its own, and was told so.
func proposes(t *testing.T, told []proto.Promise) (v proto.Value) {
	k, err := worlds.Named("five")
	require.NoError(t, err)
	m, err := formed(worlds.Language().Protocol(), k, nil).New(worlds.Replica(1), k.Settings().AppendTo(nil))
	require.NoError(t, err)
	ballot := proto.Ballot{Round: 6, Node: 1}
	events := []machine.Event{
		machine.Ready{},
		machine.Recv{From: worlds.Replica(5), Msg: proto.Prepare{Ballot: proto.Ballot{Round: 5, Node: 5}, From: 1}},
		machine.Recv{From: worlds.Replica(1), Msg: proto.Tick{}},
	}
	for _, p := range told {
		p.Ballot = ballot
		events = append(events, machine.Recv{From: worlds.Replica(int(p.Disk)), Msg: p})
	}
	events = append(events, machine.Recv{From: worlds.Replica(1), Msg: proto.Promise{Ballot: ballot, Disk: 1}})
	for i, e := range events {
		var out machine.Out
		m.Step(machine.In{Now: machine.Time(i) * machine.Second, Event: e}, &out)
		say(&out, func(_ *machine.Envelope, a proto.Accept) machine.Data {
			if a.Slot == 1 {
				require.Equal(t, ballot, a.Ballot)
				v = a.Value
			}
			return a
		})
	}
	require.NotZero(t, v.Time, "it has proposed")
	return v
}
