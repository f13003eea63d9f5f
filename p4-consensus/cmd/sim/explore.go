package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim/explore"

	"dss.example/p4-consensus/cmd/sim/worlds"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

// explored tries every run of some small worlds: of one value all runs, and of the log all that
// are short.
func explored(ctx context.Context, out io.Writer, progress func(string)) error {
	if err := single.Explore(ctx, out, progress); err != nil {
		return err
	}
	for _, s := range []small{begun(), stopped()} {
		result, err := s.search(ctx, worlds.Language().Protocol(), progress)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d worlds, %d steps of machines: all runs of up to %d actions\n", s.name, result.Worlds, result.Steps, s.depth)
		if err := result.Err(); !errors.Is(err, explore.ErrNotExhausted) || result.Depth < s.depth {
			return err
		}
	}
	return nil
}

// small is a world of three replicas whose group has formed, of which two may come to lead, and
// of two commands. All its runs of up to depth actions are tried.
type small struct {
	name  string
	depth int
	left  map[machine.Node][]machine.Data // what an earlier leader has left on disks
}

// begun is the world in which nothing was proposed yet.
func begun() small { return small{name: "the log", depth: 10} }

// stopped is the world in which the leader of ballot 1.1 has stopped half-way: slot 1 is chosen,
// and for slot 2 only it has voted itself.
func stopped() small {
	vote := func(slot uint64, text string) proto.Voted {
		return proto.Voted{Ballot: proto.Ballot{Round: 1, Node: 1}, Slot: slot, Value: proto.Value{
			Time: machine.Time(slot),
			Entries: []proto.Entry{{
				Origin: proto.Origin{Voter: proto.Voter{Node: 1, Disk: 1}, Life: 1, Seq: slot},
				Body:   put(text).AppendTo(nil),
			}},
		}}
	}
	return small{name: "the log, when its leader stopped half-way", depth: 8, left: map[machine.Node][]machine.Data{
		1: {vote(1, "C"), vote(2, "D")},
		2: {vote(1, "C")},
	}}
}

func put(text string) *kv.Request { return &kv.Request{Op: kv.Put{Key: "x", Value: []byte(text)}} }

// search tries all runs of replicas of a protocol.
func (s small) search(ctx context.Context, p *machine.Protocol, progress func(string)) (explore.Result, error) {
	k := worlds.Usual()
	c := explore.Config{
		Mortal: []machine.Node{}, Timers: 2, MaxDepth: s.depth,
		Invariant: func(w explore.World) error { return s.agree(k.Replicas, w) },
		Asks: []explore.Ask{
			{To: worlds.Replica(1), Cmd: put("A")},
			{To: worlds.Replica(2), Cmd: put("B")},
		},
		Progress: func(p explore.Progress) bool {
			progress(fmt.Sprintf("%d worlds, depth %d", p.Worlds, p.Depth))
			return ctx.Err() == nil
		},
	}
	there := formed(explore.Prompted(p), k, s.left)
	for i := range k.Replicas {
		config := k.Settings()
		config.Heartbeat = 3 * config.Election // so that the first timer ends the wait for a leader
		c.Places = append(c.Places, explore.Place{Addr: worlds.Replica(i + 1), Protocol: there, Config: config.AppendTo(nil)})
	}
	return explore.Search(c)
}

// agree accuses two values that are chosen for one slot, or stand in one ballot of it.
func (s small) agree(replicas int, w explore.World) error {
	v := votes{replicas: replicas, values: map[place]string{}, count: map[place]int{}, chosen: map[uint64]string{}}
	for i := range replicas {
		for _, r := range s.left[machine.Node(i+1)] {
			if err := v.add(r); err != nil {
				return err
			}
		}
		for r := range w.Saved(worlds.Replica(i + 1)) {
			if err := v.add(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// votes are those that all replicas have cast, each once.
type votes struct {
	replicas int
	values   map[place]string
	count    map[place]int
	chosen   map[uint64]string // by slot
}

type place struct {
	slot   uint64
	ballot proto.Ballot
}

// add takes note of a record, if it is a vote.
func (v *votes) add(r machine.Data) error {
	vote, ok := r.(proto.Voted)
	if !ok {
		return nil
	}
	at, id := place{vote.Slot, vote.Ballot}, string(proto.Learned{Value: vote.Value}.AppendTo(nil))
	if other, ok := v.values[at]; ok && other != id {
		return fmt.Errorf("ballot %v has two values for slot %d", at.ballot, at.slot)
	}
	v.values[at] = id
	if v.count[at]++; v.count[at]*2 <= v.replicas {
		return nil
	}
	if other, ok := v.chosen[at.slot]; ok && other != id {
		return fmt.Errorf("two values are chosen for slot %d", at.slot)
	}
	v.chosen[at.slot] = id
	return nil
}
