package main

import (
	"slices"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// sceneChecks are about one replica, and what it must say when the judge's are the others.
func sceneChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepVote, Name: "a replica promises, votes and refuses", Run: votes,
			Rule: "As an acceptor of every slot at once it promises the highest ballot, votes in any that is not below, and tells who comes too late what it has promised.",
		},
		{
			Step: stepVote, Name: "a promise tells of all votes", Run: tellsVotes,
			Rule: "A candidate hears of the latest vote for each slot from the one on that it asks for.",
		},
		{
			Step: stepLearn, Name: "what is chosen is executed in order, and nothing else", Run: executes,
			Rule: "A replica that has voted in a leader's ballot knows the value when the leader says that it is chosen; what it misses it asks for, and nothing is executed past a hole.",
		},
		{
			Step: stepLearn, Name: "a vote in an older ballot says nothing of what was chosen", Run: votedBefore,
			Rule: "Only a value in the leader's very ballot is the chosen one.",
		},
		{
			Step: stepLearn, Name: "a command in two slots is executed once", Run: once,
			Rule: "A command may be proposed again by who does not know that it was chosen: its second place in the log does nothing.",
		},
		{
			Step: stepLead, Name: "a leader runs phase 1 once and phase 2 for each value", Run: leads,
			Rule: "After a quorum's promises each command goes out in one Accept, and is answered when a quorum has voted for it.",
		},
		{
			Step: stepLead, Name: "only votes of members in the leader's ballot choose", Run: counts,
			Rule: "A vote by a disk that is no member, in another ballot, or a second one of the same member does not count.",
		},
		{
			Step: stepLead, Name: "a change of the group takes effect without commands", Run: func(t *judge.T) { leaves(t) },
			Rule: "A change counts Alpha slots later: if nobody asks for anything, the leader fills these with no-ops.",
		},
		{
			Step: stepWhole, Name: "who is removed leads until its group decides no more", Run: removed,
			Rule: "A leader that has removed itself leads on to the last slot of its group, and then leads no more: or nobody else would come to.",
		},
		{
			Step: stepWhole, Name: "a new leader completes what promises told of and fills the gaps", Run: completes,
			Rule: "For each slot the value of the highest vote is proposed, its own included; a slot before such a one is filled with a no-op.",
		},
		{
			Step: stepRecover, Name: "a replica knows after a crash what it has promised and voted for, or does not vote", Run: recovers,
			Rule: "What was saved is loaded: no promise goes back and no vote is forgotten. A damaged record may have been either: who votes then needs a new name for its disk, which the group has to take up.",
		},
	}
}

func votes(t *judge.T) {
	s := formed(t)
	if p := must[proto.Promise](s, s.hears(second, proto.Prepare{Ballot: in(5, second), From: 1}), second, "asked for a promise"); p.Ballot != in(5, second) || p.Disk != s.name {
		t.Errorf("the promise is of ballot %v and disk %d: want %v and %d", p.Ballot, p.Disk, in(5, second), s.name)
	}
	accept := proto.Accept{Ballot: in(5, second), Slot: 1, Value: appends(1, "x")}
	for range 2 {
		if a := must[proto.Accepted](s, s.hears(second, accept), second, "asked for a vote"); a != (proto.Accepted{Ballot: in(5, second), Disk: s.name, Slot: 1}) {
			t.Errorf("the vote is told as %v", a)
		}
	}
	for _, late := range []machine.Data{proto.Prepare{Ballot: in(4, third), From: 1}, proto.Accept{Ballot: in(4, third), Slot: 1, Value: appends(2, "y")}} {
		if n := must[proto.Nack](s, s.hears(third, late), third, "asked in a ballot below its promise"); n.Promised != in(5, second) {
			t.Errorf("it says that it has promised %v: want %v", n.Promised, in(5, second))
		}
	}
	late := proto.Accept{Ballot: in(7, third), Slot: 1, Value: appends(2, "y")}
	must[proto.Accepted](s, s.hears(third, late), third, "asked for a vote in a higher ballot than it has promised")
	out := s.hears(second, accept)
	mustNot[proto.Accepted](s, out, second, "asked in a ballot below its vote")
	for _, from := range []machine.Node{second, 4} { // nobody speaks in somebody else's ballot
		out := s.hears(from, proto.Accept{Ballot: in(9, third), Slot: 2, Value: appends(2, "y")})
		mustNot[proto.Accepted](s, out, from, "asked by who does not own the ballot")
	}
}

func tellsVotes(t *judge.T) {
	s := formed(t)
	for slot, text := range map[uint64]string{1: "x", 2: "y", 4: "z"} {
		s.hears(second, proto.Accept{Ballot: in(5, second), Slot: slot, Value: appends(slot, text)})
	}
	s.hears(second, proto.Accept{Ballot: in(6, second), Slot: 2, Value: appends(9, "later")})
	p := must[proto.Promise](s, s.hears(second, proto.Prepare{Ballot: in(8, second), From: 2}), second, "asked for a promise")
	want := map[uint64]proto.Vote{
		2: {Slot: 2, Ballot: in(6, second), Value: appends(9, "later")},
		4: {Slot: 4, Ballot: in(5, second), Value: appends(4, "z")},
	}
	for _, v := range p.Votes {
		if w, ok := want[v.Slot]; ok && v.Ballot == w.Ballot && same(v.Value, w.Value) {
			delete(want, v.Slot)
		}
	}
	if len(want) > 0 || p.Next != 0 {
		t.Errorf("of votes for slots 2 and 4 it tells %v, and to ask again from %d", p.Votes, p.Next)
	}
}

func executes(t *judge.T) {
	s := formed(t)
	b := in(5, second)
	accept := func(slot, commit uint64, text string) machine.Out {
		return s.hears(second, proto.Accept{Ballot: b, Slot: slot, Commit: commit, Value: appends(slot, text)})
	}
	accept(1, 0, "1")
	if got := s.reads("a"); got != "" {
		t.Errorf("a value that nobody has said to be chosen is executed: %q", got)
	}
	accept(2, 1, "2")
	s.hears(second, proto.Beat{Ballot: b, Round: 1, Commit: 2})
	if got := s.reads("a"); got != "12" {
		t.Errorf("slots 1 and 2 are chosen, and its state has %q: want %q", got, "12")
	}
	accept(4, 2, "4")
	w := must[proto.Want](s, s.hears(second, proto.Beat{Ballot: b, Round: 2, Commit: 4}), second, "told that slots are chosen of which it misses the first")
	if got := s.reads("a"); w.From != 3 || got != "12" {
		t.Errorf("without slot 3 it asks from %d and its state has %q: want 3 and %q", w.From, got, "12")
	}
	s.hears(second, proto.Learn{From: 3, Commit: 4, Values: []proto.Value{appends(3, "3"), appends(4, "4")}})
	if got := s.reads("a"); got != "1234" {
		t.Errorf("all up to slot 4 is told, and its state has %q: want %q", got, "1234")
	}
	l := must[proto.Learn](s, s.hears(third, proto.Want{From: 2}), third, "asked for what is chosen")
	if l.From != 2 || len(l.Values) == 0 || !same(l.Values[0], appends(2, "2")) {
		t.Errorf("asked for what is chosen from slot 2 on it tells %v", l)
	}
}

func votedBefore(t *judge.T) {
	s := formed(t)
	s.hears(second, proto.Accept{Ballot: in(5, second), Slot: 1, Value: appends(1, "old")})
	out := s.hears(third, proto.Beat{Ballot: in(6, third), Round: 1, Commit: 1})
	must[proto.Echo](s, out, third, "told who leads")
	must[proto.Want](s, out, third, "told that a slot is chosen for which it has voted in an older ballot")
	if got := s.reads("a"); got != "" {
		t.Errorf("its vote in an older ballot is executed: %q", got)
	}
	s.hears(third, proto.Learn{From: 1, Commit: 1, Values: []proto.Value{appends(2, "new")}})
	if got := s.reads("a"); got != "new" {
		t.Errorf("its state has %q: want what it was told is chosen, %q", got, "new")
	}
}

func once(t *judge.T) {
	s := formed(t)
	b := in(5, second)
	both := appends(1, "x")
	both.Entries = append(both.Entries, appends(2, "y").Entries...)
	for slot, v := range []proto.Value{appends(1, "x"), both, appends(1, "x"), appends(3, "z")} {
		s.hears(second, proto.Accept{Ballot: b, Slot: uint64(slot + 1), Commit: uint64(slot), Value: v})
	}
	s.hears(second, proto.Beat{Ballot: b, Round: 1, Commit: 4})
	if got := s.reads("a"); got != "xyz" {
		t.Errorf("x, then x and y, then x, then z are in the log, and its state has %q: want %q", got, "xyz")
	}
}

// candidate lets a replica wait until it seeks to lead, and returns its ballot.
func candidate(s *scene) proto.Ballot {
	out := s.waits(3 * patience)
	p := must[proto.Prepare](s, out, second, "with no leader for long")
	if q := must[proto.Prepare](s, out, third, "with no leader for long"); p.Ballot.Node != 1 || q.Ballot != p.Ballot || p.From != 1 {
		s.t.Fatalf("it asks for promises with %v and %v: want one ballot of its own, and slots from 1 on", p, q)
	}
	return p.Ballot
}

// proposes asks a leader to append, and returns what it asks votes for.
func proposes(s *scene, text string) (uint64, proto.Accept) {
	id, out := s.asked(kv.Append{Key: "a", Value: []byte(text)}, kv.Linearizable)
	mustNot[proto.Prepare](s, out, second, "as a leader asked for a command")
	asked := s.asksVotes(out)
	if len(asked) == 0 {
		s.t.Fatalf("as a leader asked for a command, a replica should ask others for their votes, and sent %v", out.Send)
	}
	return id, asked[0]
}

func leads(t *judge.T) {
	s := formed(t)
	b := candidate(s)
	s.hears(second, proto.Promise{Ballot: b, Disk: uint64(second)})
	for slot, text := range []string{"x", "y", "z"} {
		id, a := proposes(s, text)
		if a.Ballot != b || a.Slot != uint64(slot+1) {
			t.Errorf("command %d goes out as %v: want ballot %v, slot %d", slot+1, a, b, slot+1)
		}
		resp := answerTo(id, s.hears(third, proto.Accepted{Ballot: b, Disk: uint64(third), Slot: a.Slot}))
		if resp == nil || resp.Status != kv.OK {
			t.Errorf("command %d is chosen, and is answered with %v", slot+1, resp)
		}
	}
	if got := s.reads("a"); got != "xyz" {
		t.Errorf("its state has %q: want %q", got, "xyz")
	}
}

func counts(t *judge.T) {
	s := formed(t)
	b := candidate(s)
	mustNot[proto.Accept](s, s.hears(4, proto.Promise{Ballot: b, Disk: 4}), second, "with a promise of a stranger")
	mustNot[proto.Accept](s, s.hears(second, proto.Promise{Ballot: b, Disk: 99}), second, "with a promise of a disk that is no member")
	s.hears(second, proto.Promise{Ballot: b, Disk: uint64(second)})
	id, a := proposes(s, "x")
	for _, m := range []struct {
		from machine.Node
		vote proto.Accepted
	}{
		{second, proto.Accepted{Ballot: b, Disk: 99, Slot: a.Slot}},
		{4, proto.Accepted{Ballot: b, Disk: 4, Slot: a.Slot}},
		{second, proto.Accepted{Ballot: in(b.Round+1, 1), Disk: uint64(second), Slot: a.Slot}},
		{second, proto.Accepted{Ballot: b, Disk: uint64(second), Slot: a.Slot + 1}},
	} {
		if resp := answerTo(id, s.hears(m.from, m.vote)); resp != nil {
			t.Fatalf("after %v of node %d, which does not count, the command is answered with %v", m.vote, m.from, resp)
		}
	}
	if resp := answerTo(id, s.hears(second, proto.Accepted{Ballot: b, Disk: uint64(second), Slot: a.Slot})); resp == nil || resp.Status != kv.OK {
		t.Errorf("a quorum has voted, and the command is answered with %v", resp)
	}
}

// leaves lets a leader remove itself, and returns it when its group has decided its last slot.
func leaves(t *judge.T) *scene {
	s := formed(t)
	b := candidate(s)
	s.hears(second, proto.Promise{Ballot: b, Disk: uint64(second)})
	s.hears(third, proto.Promise{Ballot: b, Disk: uint64(third)}) // a quorum of the group to come too
	id, out := s.asked(kv.Change{Remove: 1}, kv.Linearizable)
	asked := s.asksVotes(out)
	for slot := uint64(1); slot <= alpha; slot++ {
		at := slices.IndexFunc(asked, func(a proto.Accept) bool { return a.Slot == slot })
		if at < 0 {
			asked = append(asked, s.asksVotes(s.waits(machine.Second))...)
			at = slices.IndexFunc(asked, func(a proto.Accept) bool { return a.Slot == slot })
		}
		switch {
		case at < 0 && slot == 1:
			t.Fatalf("a leader that is asked to remove itself should propose that in slot 1, and proposes %v", asked)
		case at < 0:
			t.Fatalf("a change in slot 1 counts from slot %d on, and nobody asks for anything: want a no-op in slot %d", alpha+1, slot)
		case slot > 1 && len(asked[at].Value.Entries) > 0:
			t.Fatalf("nobody has asked for anything, and slot %d is proposed with %v: want a no-op", slot, asked[at].Value)
		}
		out = s.hears(third, proto.Accepted{Ballot: b, Disk: uint64(third), Slot: slot})
		if resp := answerTo(id, out); slot == 1 && (resp == nil || resp.Status != kv.OK) {
			t.Fatalf("the change is chosen, and is answered with %v", resp)
		}
		asked = append(asked, s.asksVotes(out)...)
	}
	return s
}

func removed(t *judge.T) {
	s := leaves(t)
	s.waits(machine.Second) // it may say for the last time what is chosen
	out := s.waits(machine.Second)
	const when = "as a leader that is no member any more"
	mustNot[proto.Beat](s, out, second, when)
	mustNot[proto.Beat](s, out, third, when)
	if asked := s.asksVotes(out); len(asked) > 0 {
		t.Errorf("%s it asks for votes: %v", when, asked)
	}
}

func completes(t *judge.T) {
	s := formed(t)
	s.hears(second, proto.Prepare{Ballot: in(5, second), From: 1})
	s.hears(second, proto.Accept{Ballot: in(5, second), Slot: 1, Value: appends(1, "own")})
	s.hears(second, proto.Accept{Ballot: in(5, second), Slot: 2, Value: appends(2, "lower")})
	b := candidate(s)
	if !in(5, second).Less(b) {
		t.Fatalf("it seeks to lead in ballot %v after it has promised %v", b, in(5, second))
	}
	out := s.hears(third, proto.Promise{Ballot: b, Disk: uint64(third), Votes: []proto.Vote{
		{Slot: 1, Ballot: in(4, third), Value: appends(3, "older")},
		{Slot: 2, Ballot: in(5, third), Value: appends(4, "higher")},
		{Slot: 4, Ballot: in(3, third), Value: appends(5, "told")},
	}})
	asked := s.asksVotes(out)
	for i, want := range []proto.Value{appends(1, "own"), appends(4, "higher"), {}, appends(5, "told")} {
		slot := uint64(i + 1)
		at := slices.IndexFunc(asked, func(a proto.Accept) bool { return a.Slot == slot })
		switch {
		case at < 0 || asked[at].Ballot != b:
			t.Errorf("slot %d is not proposed again in ballot %v", slot, b)
		case len(want.Entries) == 0 && len(asked[at].Value.Entries) > 0:
			t.Errorf("slot %d, of which nobody has told, is proposed with %v: want a no-op", slot, asked[at].Value)
		case len(want.Entries) > 0 && !same(asked[at].Value, want):
			t.Errorf("slot %d is proposed with %v: want that of the highest vote, %v", slot, asked[at].Value, want)
		}
	}
}

func recovers(t *judge.T) {
	s := formed(t)
	s.hears(second, proto.Accept{Ballot: in(5, second), Slot: 1, Value: appends(1, "x")})
	s.hears(second, proto.Accept{Ballot: in(5, second), Slot: 2, Commit: 1, Value: appends(2, "y")})
	s.hears(second, proto.Prepare{Ballot: in(6, second), From: 1})
	before := s.name
	s.begin()
	if s.name != before {
		t.Errorf("after a crash its disk has the name %d, and had %d", s.name, before)
	}
	must[proto.Nack](s, s.hears(second, proto.Accept{Ballot: in(5, second), Slot: 3, Value: appends(3, "z")}), second, "asked in a ballot below the promise of its last life")
	p := must[proto.Promise](s, s.hears(second, proto.Prepare{Ballot: in(7, second), From: 2}), second, "asked for a promise after a crash")
	if !slices.ContainsFunc(p.Votes, func(v proto.Vote) bool {
		return v.Slot == 2 && v.Ballot == in(5, second) && same(v.Value, appends(2, "y"))
	}) {
		t.Errorf("after a crash it tells of the votes %v: want that for slot 2 among them", p.Votes)
	}
	renames(t)
	doubts(t)
}

// renames damages the record of a promise. What needs no vote under the old name is allowed.
func renames(t *judge.T) {
	s := formed(t)
	s.hears(second, proto.Prepare{Ballot: in(6, second), From: 1})
	before := s.name
	i := slices.IndexFunc(s.saved, isA[proto.Promised])
	if i < 0 {
		t.Fatalf("a promise is not saved")
	}
	s.saved[i] = nil
	s.begin()
	for _, a := range sent[proto.Accepted](s.hears(second, proto.Accept{Ballot: in(7, second), Slot: 1, Value: appends(1, "x")}), second) {
		if a.Disk == before {
			t.Errorf("it votes under the name that its disk had before it was damaged")
		}
	}
}

// doubts damages the record of a vote that stands between an older vote for the slot and the
// news that the slot is chosen.
func doubts(t *judge.T) {
	s := formed(t)
	s.hears(second, proto.Accept{Ballot: in(5, second), Slot: 1, Value: appends(1, "old")})
	s.hears(third, proto.Accept{Ballot: in(6, third), Slot: 1, Value: appends(2, "new")})
	for slot := uint64(2); slot <= 3; slot++ {
		s.hears(third, proto.Accept{Ballot: in(6, third), Slot: slot, Commit: slot - 1, Value: appends(slot+1, "next")})
	}
	i := slices.IndexFunc(s.saved, func(r machine.Data) bool {
		v, ok := r.(proto.Voted)
		return ok && v.Slot == 1 && v.Ballot == in(6, third)
	})
	if i < 0 {
		t.Fatalf("a vote is not saved")
	}
	s.saved[i] = nil
	s.begin()
	if got := s.reads("a"); got != "" {
		t.Errorf("slot 1 is chosen, and the record of its last vote is damaged; the vote before is executed: %q", got)
	}
}
