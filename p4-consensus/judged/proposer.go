package judged

import (
	"dss.example/common/judge"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

// proposerChecks are those of p4.2 that are about one proposer.
func proposerChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepProposer, Name: "a proposer saves its ballot before it tells it", Run: talks(begins()...),
			Rule: "A ballot is saved, and then everybody is asked to promise; no ballot is used again after a crash.",
		},
		{
			Step: stepProposer, Name: "promises bind a proposer", Run: talks(bound()...),
			Rule: "It asks for votes on the value of the highest vote that a quorum's promises tell of, and on its own only if they tell of none.",
		},
		{
			Step: stepProposer, Name: "only a quorum of promises lets a proposer go on", Run: talks(quorums()...),
			Rule: "Promises count once for each acceptor, in the ballot that is under way, from acceptors only; a quorum is a majority, or what the configuration says.",
		},
		{
			Step: stepProposer, Name: "a ballot has one value", Run: talks(oneValue()),
			Rule: "Votes are asked for once in a ballot: what comes later changes nothing.",
		},
		{
			Step: stepProposer, Name: "a proposer answers all who wait", Run: talks(tells()...),
			Rule: "Who asked is told the chosen value when a learner has told it; who is gone is not; one too many is refused.",
		},
		{
			Step: stepProposer, Name: "a proposer with a damaged disk begins no ballot", Run: talks(lame()),
			Rule: "Without its last record it does not know which ballots it has used.",
		},
	}
}

// proposes is the line in which the value "own" is asked for and a ballot begun.
func proposes(b proto.Ballot, acceptors ...machine.Node) line {
	says := []any{single.Used{Ballot: b}}
	for _, n := range acceptors {
		says = append(says, to(acceptor(n), single.Prepare{Ballot: b}))
	}
	return asked(single.Propose{Value: "own"}, says...)
}

func begins() []talk {
	learned := talk{name: "a learner's question", cfg: single.Usual(), self: proposer(12), lines: []line{
		hears(learner(21), single.Inquire{}, single.Used{Ballot: in(1, 12)}, to(acceptor(1), single.Prepare{Ballot: in(1, 12)})),
	}}
	above := talk{name: "ballots of an earlier life", cfg: single.Usual(), self: proposer(11), disk: []machine.Data{single.Used{Ballot: in(8, 11)}}}
	for round := uint64(9); round < 12; round++ {
		above.lines = append(above.lines, proposes(in(round, 11), 1, 2, 3), again(),
			unsaid(hears(acceptor(1), single.Promise{Ballot: in(round, 11)}), isAccept),
			unsaid(hears(acceptor(2), single.Promise{Ballot: in(round, 11)}), isAccept))
	}
	return []talk{
		{name: "the first ballot", cfg: single.Usual(), self: proposer(11), lines: []line{proposes(in(1, 11), 1, 2, 3)}},
		learned, above,
	}
}

// unsaid is a line with messages that must not be sent.
func unsaid(l line, which func(machine.Data) bool) line {
	l.unsaid = which
	return l
}

func isAccept(m machine.Data) bool { _, is := m.(single.Accept); return is }

// five is a configuration of five acceptors, so that quorums are of three.
func five() single.Config {
	c := single.Usual()
	c.Acceptors = []machine.Node{1, 2, 3, 4, 5}
	return c
}

// inNine is a proposer that begins ballot 9.11, with "own" to propose.
func inNine(name string, c single.Config, more ...line) talk {
	return talk{
		name: name, cfg: c, self: proposer(11), disk: []machine.Data{single.Used{Ballot: in(8, 11)}},
		lines: append([]line{proposes(in(9, 11), c.Acceptors...)}, more...),
	}
}

// promised is a line in which an acceptor promises ballot 9.11, and no votes are asked for.
func promised(n machine.Node, last single.Vote) line {
	return unsaid(hears(acceptor(n), single.Promise{Ballot: in(9, 11), Last: last}), isAccept)
}

// promisedAtLast is one after which votes are asked for.
func promisedAtLast(n machine.Node, last single.Vote, c single.Config, value string) line {
	l := hears(acceptor(n), single.Promise{Ballot: in(9, 11), Last: last})
	for _, a := range c.Acceptors {
		l.says = append(l.says, to(acceptor(a), single.Accept(vote(9, 11, value))))
	}
	return l
}

func bound() (all []talk) {
	none := single.Vote{}
	for _, c := range []struct {
		name, want string
		told       [3]single.Vote
	}{
		{"no vote", "own", [3]single.Vote{}},
		{"one vote", "x", [3]single.Vote{none, vote(1, 11, "x"), none}},
		{"the highest vote first", "x", [3]single.Vote{vote(4, 11, "x"), vote(3, 12, "y"), vote(3, 11, "z")}},
		{"the highest vote between", "x", [3]single.Vote{vote(3, 12, "y"), vote(4, 11, "x"), vote(3, 11, "z")}},
		{"the highest vote last", "x", [3]single.Vote{vote(3, 12, "y"), vote(3, 11, "z"), vote(4, 11, "x")}},
		{"the higher node in one round", "x", [3]single.Vote{vote(3, 12, "x"), vote(3, 11, "y"), none}},
		{"a lower ballot twice", "x", [3]single.Vote{vote(3, 12, "y"), vote(3, 12, "y"), vote(4, 11, "x")}},
		{"an empty value", "", [3]single.Vote{none, vote(3, 12, ""), none}},
	} {
		all = append(all, inNine(c.name, five(),
			promised(4, c.told[0]), promised(1, c.told[1]), promisedAtLast(5, c.told[2], five(), c.want)))
	}
	return all
}

func quorums() []talk {
	none := single.Vote{}
	four, all := single.Usual(), single.Usual()
	four.Acceptors = []machine.Node{1, 2, 3, 4}
	all.Acceptors, all.Quorum1 = four.Acceptors, 4
	strangers := inNine("strangers", five())
	for _, from := range []machine.Addr{acceptor(6), acceptor(7), learner(1), proposer(2), {Node: 3}} {
		strangers.lines = append(strangers.lines, ignores(from, single.Promise{Ballot: in(9, 11)}))
	}
	return []talk{
		inNine("three of four", four, promised(1, none), promised(2, none), promisedAtLast(4, none, four, "own")),
		inNine("four of four", all, promised(1, none), promised(2, none), promised(3, none), promisedAtLast(4, none, all, "own")),
		inNine("one acceptor again and again", five(), promised(4, none), promised(4, none), promised(4, none), promised(1, none), promised(1, none), promisedAtLast(2, none, five(), "own")),
		inNine("a promise of an earlier ballot", five(),
			unsaid(hears(acceptor(1), single.Promise{Ballot: in(8, 11)}), isAccept), promised(2, none), promised(3, none), promisedAtLast(4, none, five(), "own")),
		inNine("refused by some", single.Usual(),
			hears(acceptor(2), single.Nack{Ballot: in(9, 11), Promised: in(30, 12)}), promised(1, none), promisedAtLast(3, none, single.Usual(), "own")),
		strangers,
	}
}

func oneValue() talk {
	none := single.Vote{}
	return inNine("a late promise and another value", single.Usual(),
		promised(1, none), promisedAtLast(2, none, single.Usual(), "own"),
		promised(3, vote(8, 12, "x")),
		unsaid(asked(single.Propose{Value: "another"}), isAccept))
}

func tells() []talk {
	chosen := single.Chosen{Value: "x"}
	several := inNine("several who wait", single.Usual(),
		asked(single.Propose{Value: "two"}), asked(single.Propose{Value: "three"}),
		ignores(learner(9), chosen), ignores(acceptor(1), chosen),
		hears(learner(22), chosen, answers(1, chosen), answers(2, chosen), answers(3, chosen)),
		asked(single.Propose{Value: "four"}, answers(4, chosen)),
		hears(learner(21), single.Inquire{}, to(learner(21), chosen)))
	gone := inNine("one who is gone", single.Usual(),
		asked(single.Propose{Value: "two"}), line{in: machine.Cancel{ID: 1}},
		promised(1, single.Vote{}), promisedAtLast(2, single.Vote{}, single.Usual(), "two"))
	full := talk{name: "too many", cfg: single.Usual(), self: proposer(11)}
	for range single.MaxWaiting {
		full.lines = append(full.lines, asked(single.Propose{Value: "x"}))
	}
	full.lines = append(full.lines, asked(single.Propose{Value: "x"}, answers(single.MaxWaiting+1, single.Refused{Why: single.Busy})))
	return []talk{several, gone, full}
}

func lame() talk {
	return talk{
		name: "a damaged last record", cfg: single.Usual(), self: proposer(11), disk: []machine.Data{single.Used{Ballot: in(1, 11)}, nil},
		lines: []line{
			asked(single.Propose{Value: "x"}, answers(1, single.Refused{Why: single.Disabled})),
			ignores(learner(21), single.Inquire{}),
			hears(learner(21), single.Chosen{Value: "y"}),
			asked(single.Propose{Value: "x"}, answers(2, single.Chosen{Value: "y"})),
		},
	}
}
