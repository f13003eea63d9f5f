package judged

import (
	"dss.example/common/judge"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/single"
)

// learnerChecks are those of p4.3 that are about one learner.
func learnerChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepLearner, Name: "a quorum of votes in one ballot is chosen", Run: talks(counts()...),
			Rule: "Votes count once for each acceptor, from acceptors only, and those of different ballots do not add up, even for one value.",
		},
		{
			Step: stepLearner, Name: "a learner answers and passes it on", Run: talks(passesOn()...),
			Rule: "Who waits is answered when the value is known; who is told by acceptors tells the others, and the proposers.",
		},
		{
			Step: stepLearner, Name: "a learner believes nobody outside its group", Run: talks(believes()),
			Rule: "What strangers say is ignored.",
		},
		{
			Step: stepLearner, Name: "so many wait at a learner and no more", Run: talks(crowd()),
			Rule: "One request too many is refused as Busy, and one that is cancelled makes room.",
		},
	}
}

// votesFor is a line of a vote after which nothing may be told.
func votesFor(n machine.Node, v single.Vote) line {
	return line{in: got(acceptor(n), single.Accepted(v)), silent: true}
}

// votesAtLast is one by which the value becomes known, for which request 1 waits.
func votesAtLast(n machine.Node, v single.Vote) line {
	return hears(acceptor(n), single.Accepted(v), answers(1, single.Chosen{Value: v.Value}))
}

// learns is a learner that was asked once.
func learns(name string, c single.Config, lines ...line) talk {
	return talk{name: name, cfg: c, self: learner(21), lines: append([]line{asked(single.Learn{})}, lines...)}
}

func counts() []talk {
	four := single.Usual()
	four.Acceptors = []machine.Node{1, 2, 3, 4}
	flexible := four
	flexible.Quorum1, flexible.Quorum2 = 3, 2
	x, later := vote(1, 11, "x"), vote(2, 12, "x")
	return []talk{
		learns("two of three", single.Usual(), votesFor(1, x), votesFor(1, x), votesAtLast(3, x)),
		learns("three of four", four, votesFor(1, x), votesFor(2, x), votesAtLast(4, x)),
		learns("two of four, as configured", flexible, votesFor(1, x), votesAtLast(4, x)),
		learns("equal values in different ballots", five(),
			votesFor(1, x), votesFor(2, x), votesFor(3, later), votesFor(1, later), votesFor(4, x), votesAtLast(5, later)),
		learns("a vote that comes late", single.Usual(), votesFor(1, later), votesFor(1, vote(1, 11, "y")), votesAtLast(2, later)),
		learns("an empty value", single.Usual(), votesFor(1, vote(1, 11, "")), votesAtLast(2, vote(1, 11, ""))),
		learns("a new life", single.Usual(), votesFor(1, x), again(), line{in: got(acceptor(2), single.Accepted(x)), silent: true}),
	}
}

func passesOn() []talk {
	x, chosen := vote(1, 11, "x"), single.Chosen{Value: "x"}
	one := single.Usual()
	one.Told = 1
	distinguished := learns("a distinguished learner", one, votesFor(1, x))
	l := votesAtLast(2, x)
	l.says = append(l.says, to(learner(22), chosen), to(proposer(11), chosen), to(proposer(12), chosen))
	distinguished.lines = append(distinguished.lines, l)
	other := talk{name: "another learner", cfg: one, self: learner(22), lines: []line{
		asked(single.Learn{}),
		hears(learner(21), chosen, answers(1, chosen)),
		asked(single.Learn{}, answers(2, chosen)),
		hears(proposer(11), single.Inquire{}, to(proposer(11), chosen)),
		hears(learner(21), single.Inquire{}, to(learner(21), chosen)),
	}}
	told := votesAtLast(2, x)
	told.says = append(told.says, to(proposer(11), chosen), to(proposer(12), chosen))
	return []talk{distinguished, other, learns("all are told", single.Usual(), votesFor(1, x), told)}
}

func believes() talk {
	k := learns("strangers", single.Usual())
	for _, from := range []machine.Addr{acceptor(4), learner(1), proposer(1), {Node: 1}} {
		for _, m := range []machine.Data{single.Accepted(vote(1, 11, "x")), single.Chosen{Value: "x"}, single.Inquire{}} {
			k.lines = append(k.lines, ignores(from, m))
		}
	}
	k.lines = append(k.lines, votesFor(1, vote(1, 11, "y")), votesAtLast(2, vote(1, 11, "y")))
	return k
}

func crowd() talk {
	k := talk{name: "too many", cfg: single.Usual(), self: learner(21)}
	for range single.MaxWaiting {
		k.lines = append(k.lines, asked(single.Learn{}))
	}
	chosen := single.Chosen{Value: "x"}
	last := hears(learner(22), chosen)
	for id := range uint64(single.MaxWaiting) {
		if id+1 != 7 {
			last.says = append(last.says, answers(id+1, chosen))
		}
	}
	last.says = append(last.says, answers(single.MaxWaiting+2, chosen))
	k.lines = append(k.lines,
		asked(single.Learn{}, answers(single.MaxWaiting+1, single.Refused{Why: single.Busy})),
		line{in: machine.Cancel{ID: 7}}, asked(single.Learn{}), last)
	return k
}
