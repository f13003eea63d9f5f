package spec_test

import (
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
	"dss.example/p4-consensus/spec"
)

// word is a command and an answer.
type word string

func (w word) AppendTo(b []byte) []byte { return append(b, w...) }

// last is a service that holds the last word, and answers with the one before.
type last struct{ word word }

func (s *last) Apply(_ uint64, _ machine.Time, cmd machine.Data) machine.Data {
	before := s.word
	s.word = cmd.(word)
	return before
}
func (s *last) Read(machine.Time, machine.Data) machine.Data { return s.word }
func (s *last) Due() (machine.Time, []byte, bool)            { return 0, nil, false }
func (s *last) View() app.View                               { return *s }
func (s *last) Load(iter.Seq2[string, []byte]) error         { return nil }

func (s last) Pairs(string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) { yield("word", []byte(s.word)) }
}

// run feeds a Log by hand.
type run struct {
	log  *spec.Log
	err  error
	life int
}

func newRun() *run {
	read := func(b []byte) (machine.Data, error) { return word(b), nil }
	return &run{log: spec.New(spec.Config{
		Role: "r", Alpha: 2, Refused: func(a machine.Data) bool { return a == word("refused") },
		Language: &paxos.Language{New: func() paxos.Service { return &last{} }, Command: read, Answer: read, Sort: func(cmd machine.Data) paxos.Sort {
			if cmd == word("read") {
				return paxos.ReadIndex
			}
			return paxos.Write
		}},
	})}
}

func addr(n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: "r"} }

// step tells the Log of one; the first error stays.
func (r *run) step(n machine.Node, event machine.Event, says ...any) *run {
	out := &machine.Out{}
	for _, s := range says {
		switch s := s.(type) {
		case machine.Envelope:
			out.Send = append(out.Send, s)
		case machine.Answer:
			out.Reply = append(out.Reply, s)
		case machine.Data:
			out.Save = append(out.Save, s)
		}
	}
	if r.err == nil {
		r.err = r.log.Step(&sim.Step{Addr: addr(n), Life: r.life, In: machine.In{Event: event}, Out: out})
	}
	return r
}

func to(n machine.Node, m machine.Data) machine.Envelope {
	return machine.Envelope{To: addr(n), Msg: m}
}

func atOnce(n machine.Node, m machine.Data) machine.Envelope {
	return machine.Envelope{To: addr(n), Early: true, Msg: m}
}

func got(from machine.Node, m machine.Data) machine.Event {
	return machine.Recv{From: addr(from), Msg: m}
}

func ballot(round uint64, n machine.Node) proto.Ballot { return proto.Ballot{Round: round, Node: n} }

// value is a command of node 1, the seq-th.
func value(seq uint64, w word) proto.Value {
	return proto.Value{Entries: []proto.Entry{{Origin: proto.Origin{Voter: proto.Voter{Node: 1, Disk: 1}, Life: 1, Seq: seq}, Body: []byte(w)}}}
}

var tick = machine.Recv{From: addr(1), Msg: proto.Tick{}}

// formed is a group of three.
func formed() *run {
	var g proto.Group
	for n := range machine.Node(3) {
		g.Members = append(g.Members, proto.Member{Voter: proto.Voter{Node: n + 1, Disk: uint64(n + 1)}})
	}
	g.Version = 1
	r := newRun()
	for n := range machine.Node(3) {
		r.step(n+1, machine.Ready{Fresh: true}, proto.Born{Disk: uint64(n + 1), Life: 1, New: true}, proto.Formed{Group: g})
	}
	return r
}

// prepared goes on until a node has prepared a ballot, and a second has promised.
func prepared(r *run, b proto.Ballot, second machine.Node, votes ...proto.Vote) *run {
	n, own := b.Node, proto.Promise{Ballot: b, Disk: uint64(b.Node)}
	prepare, promise := proto.Prepare{Ballot: b, From: 1}, proto.Promise{Ballot: b, Disk: uint64(second), Votes: votes}
	return r.step(n, tick, proto.Promised{Ballot: b}, to(n, own), to(second, prepare)).
		step(n, got(n, own)).
		step(second, got(n, prepare), proto.Promised{Ballot: b}, to(n, promise)).
		step(n, got(second, promise))
}

// proposed goes on until a node has proposed a value for a slot, and voted itself.
func proposed(r *run, b proto.Ballot, slot uint64, v proto.Value) *run {
	return r.step(b.Node, tick, proto.Voted{Ballot: b, Slot: slot, Value: v},
		atOnce(2, proto.Accept{Ballot: b, Slot: slot, Value: v}), to(b.Node, proto.Accepted{Ballot: b, Disk: uint64(b.Node), Slot: slot}))
}

// chosen goes on until a second's vote has come.
func chosen(r *run, b proto.Ballot, slot uint64, v proto.Value, second machine.Node) *run {
	n, a := b.Node, proto.Accepted{Ballot: b, Disk: uint64(second), Slot: slot}
	return r.step(n, got(n, proto.Accepted{Ballot: b, Disk: uint64(n), Slot: slot})).
		step(second, got(n, proto.Accept{Ballot: b, Slot: slot, Value: v}), proto.Voted{Ballot: b, Slot: slot, Value: v}, to(n, a)).
		step(n, got(second, a))
}

// asked is a leader that was asked for A and has it chosen for slot 1, in ballot 1.1.
func asked() *run {
	r := formed().step(1, machine.Ask{ID: 7, Cmd: word("A")})
	return proposed(prepared(r, ballot(1, 1), 2), ballot(1, 1), 1, value(1, "A"))
}

func decided() *run { return chosen(asked(), ballot(1, 1), 1, value(1, "A"), 2) }

func TestWhatACorrectLogDoesIsAccepted(t *testing.T) {
	r := decided().step(1, tick, machine.Answer{ID: 7, Data: word("")}, to(2, proto.Beat{Ballot: ballot(1, 1), Round: 1, Commit: 1}))
	r.step(1, machine.Ask{ID: 8, Cmd: word("read")}).
		step(1, tick, to(2, proto.Beat{Ballot: ballot(1, 1), Round: 2, Commit: 1})).
		step(2, got(1, proto.Beat{Ballot: ballot(1, 1), Round: 2, Commit: 1}), to(1, proto.Echo{Ballot: ballot(1, 1), Disk: 2, Round: 2, Commit: 1})).
		step(1, got(2, proto.Echo{Ballot: ballot(1, 1), Disk: 2, Round: 2, Commit: 1}), machine.Answer{ID: 8, Data: word("A")})
	prepared(r, ballot(2, 3), 2, proto.Vote{Slot: 1, Ballot: ballot(1, 1), Value: value(1, "A")})
	r.step(3, tick, proto.Voted{Ballot: ballot(2, 3), Slot: 1, Value: value(1, "A")})
	require.NoError(t, r.err)
	require.NoError(t, r.log.End(nil))
}

func TestEachRuleIsBrokenByItsOwnMistake(t *testing.T) {
	b, next := ballot(1, 1), ballot(2, 3)
	toldOf := proto.Vote{Slot: 1, Ballot: b, Value: value(1, "A")}
	other := value(2, "B")
	for name, c := range map[string]struct {
		rule string
		run  *run
	}{
		"a ballot that goes back":         {"A1", prepared(formed(), next, 2).step(2, tick, proto.Promised{Ballot: b})},
		"a vote below the promise":        {"A2", prepared(asked(), next, 2).step(2, got(1, proto.Accept{Ballot: b, Slot: 1, Value: value(1, "A")}), proto.Voted{Ballot: b, Slot: 1, Value: value(1, "A")})},
		"a vote that is not cast":         {"A2", asked().step(2, got(1, proto.Accept{Ballot: b, Slot: 1, Value: value(1, "A")}))},
		"a vote that is kept back":        {"A3", prepared(decided(), next, 2)},
		"two values in a ballot":          {"C1", proposed(asked().step(1, machine.Ask{ID: 9, Cmd: word("B")}), b, 1, other)},
		"a vote for what nobody proposed": {"C1", prepared(formed(), b, 2).step(2, tick, proto.Voted{Ballot: b, Slot: 1, Value: value(1, "A")})},
		"a value without a quorum":        {"P2c", proposed(formed().step(1, machine.Ask{Cmd: word("A")}).step(1, tick, proto.Promised{Ballot: b}), b, 1, value(1, "A"))},
		"a value that is not bound":       {"P2c", prepared(asked().step(2, got(1, proto.Accept{Ballot: b, Slot: 1, Value: value(1, "A")}), proto.Voted{Ballot: b, Slot: 1, Value: value(1, "A")}, to(1, proto.Accepted{Ballot: b, Disk: 2, Slot: 1})), next, 2, toldOf).step(3, tick, proto.Voted{Ballot: next, Slot: 1, Value: proto.Value{}})},
		"another value than was chosen":   {"C2", prepared(decided(), next, 2, toldOf).step(3, tick, proto.Voted{Ballot: next, Slot: 1, Value: proto.Value{}})},
		"a claim of what is not chosen":   {"R2", asked().step(1, tick, to(2, proto.Beat{Ballot: b, Round: 1, Commit: 1}))},
		"another value is told":           {"R1", decided().step(1, tick, to(2, proto.Learn{From: 1, Commit: 1, Values: []proto.Value{other}}))},
		"another value is learned":        {"R1", decided().step(3, tick, proto.Learned{Slot: 1, Value: other})},
		"a wrong answer":                  {"R3", decided().step(1, tick, machine.Answer{ID: 7, Data: word("Z")})},
		"an answer before it is chosen":   {"R3", asked().step(1, tick, machine.Answer{ID: 7, Data: word("")})},
		"a wrong state":                   {"R3", saveState(decided(), 2, "Z")},
		"a slot beyond the window":        {"R5", proposed(asked(), b, 3, proto.Value{})},
		"a promise before it is saved":    {"saved first", formed().step(2, got(1, proto.Prepare{Ballot: b, From: 1}), to(1, proto.Promise{Ballot: b, Disk: 2}))},
		"a vote told of in a hurry":       {"saved first", asked().step(2, got(1, proto.Accept{Ballot: b, Slot: 1, Value: value(1, "A")}), proto.Voted{Ballot: b, Slot: 1, Value: value(1, "A")}, atOnce(1, proto.Accepted{Ballot: b, Disk: 2, Slot: 1}))},
		"somebody else's ballot":          {"ballot", prepared(formed(), b, 2).step(2, tick, to(3, proto.Beat{Ballot: b}))},
		"a command of nobody":             {"asked", proposed(prepared(formed(), b, 2), b, 1, value(1, "A"))},
		"a number for two commands":       {"asked", proposed(asked().step(1, machine.Ask{ID: 9, Cmd: word("B")}), b, 2, value(1, "B"))},
		"a second first group":            {"group", formed().step(1, tick, proto.Formed{Group: proto.Group{Version: 1}})},
		"another name":                    {"damage", formed().step(2, got(1, proto.Prepare{Ballot: b, From: 1}), proto.Promised{Ballot: b}, to(1, proto.Promise{Ballot: b, Disk: 9}))},
		"a question that is not answered": {"told", decided().step(1, tick, to(2, proto.Beat{Ballot: b, Round: 1, Commit: 1})).step(1, got(3, proto.Want{From: 1}))},
		"a read that nobody confirmed":    {"read", decided().step(1, machine.Ask{ID: 8, Cmd: word("read")}, machine.Answer{ID: 8, Data: word("A")})},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, c.run.err)
			var named interface{ Rule() string }
			require.True(t, errors.As(c.run.err, &named))
			require.Equal(t, "spec "+c.rule, named.Rule(), "%v", c.run.err)
		})
	}
}

// saveState saves a snapshot of a word.
func saveState(r *run, n machine.Node, w word) *run {
	for s := snapshot.NewWriter(1, snapshot.Head{Reigns: proto.Reigns{{From: 1, Group: proto.Group{Version: 1, Alpha: 2, Members: []proto.Member{{Voter: proto.Voter{Node: 1, Disk: 1}}}}}}}, last{w}); ; {
		p := s.Next()
		if r.step(n, tick, p); p.Last {
			return r
		}
	}
}

// crash begins the next life of node 2 with the records that its disk still has.
func crash(r *run, records ...machine.Data) *run {
	r.life++
	for i, rec := range records {
		r.step(2, machine.Load{Seq: uint64(i + 1), Record: rec, Damaged: rec == nil})
	}
	return r.step(2, machine.Ready{})
}

func TestWhatADiskHasSaidOutlivesACrash(t *testing.T) {
	born, b := proto.Born{Disk: 2, Life: 1}, ballot(1, 1)
	vote := proto.Voted{Ballot: b, Slot: 1, Value: value(1, "A")}
	require.NoError(t, crash(decided(), born, vote).err)
	require.ErrorContains(t, crash(decided(), born).err, "A1: ")
	require.ErrorContains(t, crash(decided(), born, proto.Promised{Ballot: b}).err, "A3: ")
	require.NoError(t, crash(saveState(decided(), 2, "A"), born, proto.Promised{Ballot: b}, vote).err)

	damaged := func() *run { return crash(decided(), born, nil, vote) }
	require.NoError(t, damaged().err)
	require.ErrorContains(t, damaged().step(2, got(1, proto.Beat{Ballot: b}), to(1, proto.Echo{Ballot: b, Disk: 2})).err, "damage: ")
	require.NoError(t, damaged().step(2, got(1, proto.Beat{Ballot: b}), proto.Born{Disk: 22, New: true}, to(1, proto.Echo{Ballot: b, Disk: 22})).err)
}
