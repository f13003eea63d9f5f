package main

import (
	"bytes"
	"slices"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p4-consensus/cmd/sim/worlds"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// scene is one replica of the submission, the first of three, and the judge in the place of
// the others. Only what the judge says happens; what the replica tells itself, except timers,
// it hears at once. How many records it saves and how it encodes its state is its own affair.
type scene struct {
	t     *judge.T
	far   *judge.Far
	m     machine.Machine
	now   machine.Time
	name  uint64         // of its disk
	saved []machine.Data // on its disk
	trim  uint64
	asks  uint64
}

const (
	patience = 1000 * machine.Second // so long that the replica never seeks to lead unless it is let wait
	alpha    = 8                     // slots that may be open, and after which a change of the group counts
)

// others are the judge's replicas, by node; their disks have the same numbers.
const (
	second = machine.Node(2)
	third  = machine.Node(3)
)

// formed begins a scene in which a group of three has formed.
func formed(t *judge.T) *scene {
	t.Replay("go test ./p4-consensus/paxos")
	s := &scene{t: t}
	s.begin()
	for _, n := range []machine.Node{second, third} {
		s.hears(n, proto.Greet{Disk: uint64(n)})
	}
	if !slices.ContainsFunc(s.saved, isA[proto.Formed]) {
		t.Fatalf("when both others have said that their disks are empty, a replica should save the group that it forms with them")
	}
	return s
}

// begin begins a life with what is on the disk.
func (s *scene) begin() {
	if s.far != nil {
		s.far.Process().Kill()
	}
	s.far = s.t.Far(map[string]*machine.Protocol{worlds.Role: worlds.Language().Protocol()}, "sim", "-pipe")
	c := paxos.Config{Heartbeat: machine.Second, Election: patience, Alpha: alpha}
	for _, n := range []machine.Node{1, second, third} {
		c.Peers = append(c.Peers, proto.Member{Voter: proto.Voter{Node: n}})
	}
	m, err := s.far.Protocol(worlds.Role).New(worlds.Replica(1), c.AppendTo(nil))
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	s.m = m
	before := slices.Clone(s.saved)
	for i, r := range before {
		if seq := uint64(i) + 1; seq >= s.trim {
			s.step(machine.Load{Seq: seq, Record: r, Damaged: r == nil})
		}
	}
	s.step(machine.Ready{Fresh: len(before) == 0})
}

// maxMail bounds what a replica tells itself in one go.
const maxMail = 1000

// step is one input and all that the replica tells itself after it. It returns what it has
// said to others, and saved.
func (s *scene) step(e machine.Event) (all machine.Out) {
	inputs := []machine.Event{e}
	for n := 0; len(inputs) > 0; n++ {
		if n == maxMail {
			s.t.Fatalf("a replica tells itself one thing after the other, %d without an end", maxMail)
		}
		var out machine.Out
		s.now += machine.Millisecond
		s.m.Step(machine.In{Now: s.now, Rand: uint64(s.now), Event: inputs[0]}, &out)
		inputs = inputs[1:]
		for _, r := range out.Save {
			if b, ok := r.(proto.Born); ok {
				s.name = b.Disk
			}
		}
		s.saved, s.trim = append(s.saved, out.Save...), max(s.trim, out.Trim)
		all.Save, all.Reply = append(all.Save, out.Save...), append(all.Reply, out.Reply...)
		for _, m := range out.Send {
			switch {
			case m.To != worlds.Replica(1):
				all.Send = append(all.Send, m)
			case m.After == 0:
				inputs = append(inputs, machine.Recv{From: m.To, Msg: m.Msg})
			}
		}
	}
	return all
}

// hears is a message of one of the others.
func (s *scene) hears(from machine.Node, msg machine.Data) machine.Out {
	return s.step(machine.Recv{From: machine.Addr{Node: from, Role: worlds.Role}, Msg: msg})
}

// waits lets time pass, and its timer go off.
func (s *scene) waits(d machine.Time) machine.Out {
	s.now += d
	return s.step(machine.Recv{From: worlds.Replica(1), Msg: proto.Tick{}})
}

// asked asks the replica, and returns the number of the request.
func (s *scene) asked(op kv.Op, level kv.Level) (uint64, machine.Out) {
	s.asks++
	return s.asks, s.step(machine.Ask{ID: s.asks, Cmd: &kv.Request{Level: level, Op: op}})
}

// reads returns what the replica's own state has for a key.
func (s *scene) reads(key string) string {
	id, out := s.asked(kv.Get{Key: key}, kv.Eventual)
	resp := answerTo(id, out)
	if resp == nil || resp.Status != kv.OK && resp.Status != kv.NotFound {
		s.t.Fatalf("a replica that knows its group should answer at once what its own state has for a key, and answered %v", resp)
	}
	it, _ := resp.Result.(kv.Item)
	return string(it.Value)
}

// answerTo returns the answer to a request, or nil.
func answerTo(id uint64, out machine.Out) *kv.Response {
	for _, a := range out.Reply {
		if resp, ok := a.Data.(*kv.Response); ok && a.ID == id {
			return resp
		}
	}
	return nil
}

func isA[M machine.Data](d machine.Data) bool { _, is := d.(M); return is }

// sent returns the messages of a kind to one of the others.
func sent[M machine.Data](out machine.Out, to machine.Node) (all []M) {
	for _, e := range out.Send {
		if m, ok := e.Msg.(M); ok && e.To == worlds.Replica(int(to)) {
			all = append(all, m)
		}
	}
	return all
}

// asksVotes returns for what the others are asked to vote, each slot once. A leader may ask a
// quorum first, and the other only if a vote does not come.
func (s *scene) asksVotes(out machine.Out) []proto.Accept {
	all := sent[proto.Accept](out, second)
	for _, a := range sent[proto.Accept](out, third) {
		i := slices.IndexFunc(all, func(b proto.Accept) bool { return b.Slot == a.Slot })
		switch {
		case i < 0:
			all = append(all, a)
		case all[i].Ballot != a.Ballot || !same(all[i].Value, a.Value):
			s.t.Fatalf("it asks one for %v and the other for %v", all[i], a)
		}
	}
	return all
}

// must returns the one message of a kind that must be sent to one of the others.
func must[M machine.Data](s *scene, out machine.Out, to machine.Node, why string) (m M) {
	all := sent[M](out, to)
	if len(all) == 0 {
		s.t.Fatalf("%s, a replica should send node %d a %T, and sent %v", why, to, m, out.Send)
	}
	return all[0]
}

// mustNot demands that no message of a kind is sent to one of the others.
func mustNot[M machine.Data](s *scene, out machine.Out, to machine.Node, why string) {
	if all := sent[M](out, to); len(all) > 0 {
		s.t.Fatalf("%s, a replica should not send node %d: %v", why, to, all[0])
	}
}

// in is the ballot of a round of a node.
func in(round uint64, n machine.Node) proto.Ballot { return proto.Ballot{Round: round, Node: n} }

// value is a command that the second replica was asked, the seq-th.
func value(seq uint64, op kv.Op) proto.Value {
	return proto.Value{Time: machine.Time(seq), Entries: []proto.Entry{{
		Origin: proto.Origin{Voter: proto.Voter{Node: second, Disk: uint64(second)}, Life: 1, Seq: seq},
		Body:   (&kv.Request{Op: op}).AppendTo(nil),
	}}}
}

func appends(seq uint64, text string) proto.Value {
	return value(seq, kv.Append{Key: "a", Value: []byte(text)})
}

// same tells whether two values are alike.
func same(a, b proto.Value) bool {
	return bytes.Equal(proto.Learned{Value: a}.AppendTo(nil), proto.Learned{Value: b}.AppendTo(nil))
}
