package judged

import (
	"dss.example/common/judge"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/single"
)

// acceptorChecks are those of p4.1 that are about one acceptor.
func acceptorChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepAcceptor, Name: "an acceptor promises, votes and refuses", Run: talks(promises(), votes(), refuses()),
			Rule: "It promises the highest ballot and tells its latest vote, votes in any ballot that is not below its promise, and tells who comes too late what it has promised.",
		},
		{
			Step: stepAcceptor, Name: "an acceptor keeps promise and vote over a crash", Run: talks(remembers()),
			Rule: "What it has promised and what it has voted for is on its disk before it says so.",
		},
		{
			Step: stepAcceptor, Name: "an acceptor with a damaged disk takes no part", Run: talks(damaged(), mended()),
			Rule: "Without its last record it does not know what it has promised, and says nothing; an earlier one is replaced by those after it.",
		},
		{
			Step: stepAcceptor, Name: "a ballot is heard from its owner only", Run: talks(forged()),
			Rule: "Nobody speaks in a ballot of somebody else's, nor does who is no proposer.",
		},
		{
			Step: stepAcceptor, Name: "an acceptor's log stays short", Run: staysShort,
			Rule: "Each record replaces those before it, and these are trimmed.",
		},
	}
}

func promises() talk {
	return talk{name: "a promise", cfg: single.Usual(), self: acceptor(1), lines: []line{
		hears(proposer(11), single.Prepare{Ballot: in(1, 11)},
			single.Kept{Promised: in(1, 11)}, to(proposer(11), single.Promise{Ballot: in(1, 11)})),
		hears(proposer(11), single.Prepare{Ballot: in(1, 11)}, to(proposer(11), single.Promise{Ballot: in(1, 11)})),
		hears(proposer(11), single.Accept(vote(1, 11, "x"))),
		hears(proposer(12), single.Prepare{Ballot: in(1, 12)},
			single.Kept{Promised: in(1, 12), Voted: vote(1, 11, "x")},
			to(proposer(12), single.Promise{Ballot: in(1, 12), Last: vote(1, 11, "x")})),
		hears(proposer(12), single.Accept(vote(1, 12, "y"))),
		hears(proposer(11), single.Prepare{Ballot: in(2, 11)},
			to(proposer(11), single.Promise{Ballot: in(2, 11), Last: vote(1, 12, "y")})),
	}}
}

func votes() talk {
	two := single.Usual()
	told := func(v single.Vote) []any {
		return []any{to(learner(21), single.Accepted(v)), to(learner(22), single.Accepted(v))}
	}
	return talk{name: "a vote", cfg: two, self: acceptor(1), lines: []line{
		hears(learner(21), single.Inquire{}),
		hears(proposer(11), single.Prepare{Ballot: in(1, 11)}),
		hears(proposer(11), single.Accept(vote(1, 11, "x")), append(told(vote(1, 11, "x")), single.Kept{Promised: in(1, 11), Voted: vote(1, 11, "x")})...),
		hears(proposer(11), single.Accept(vote(1, 11, "x")), told(vote(1, 11, "x"))...),
		hears(proposer(12), single.Accept(vote(7, 12, "")), append(told(vote(7, 12, "")), single.Kept{Promised: in(7, 12), Voted: vote(7, 12, "")})...),
		hears(learner(22), single.Inquire{}, to(learner(22), single.Accepted(vote(7, 12, "")))),
	}}
}

func refuses() talk {
	nack := to(proposer(11), single.Nack{Ballot: in(5, 11), Promised: in(5, 12)})
	tooLate := func(m machine.Data) line { return hears(proposer(11), m, nack) }
	return talk{name: "a refusal", cfg: single.Usual(), self: acceptor(1), lines: []line{
		hears(proposer(12), single.Prepare{Ballot: in(5, 12)}),
		tooLate(single.Prepare{Ballot: in(5, 11)}),
		tooLate(single.Accept(vote(5, 11, "x"))),
		hears(proposer(12), single.Accept(vote(5, 12, "y"))),
		tooLate(single.Prepare{Ballot: in(5, 11)}),
		tooLate(single.Accept(vote(5, 11, "x"))),
	}}
}

func remembers() talk {
	return talk{name: "a crash", cfg: single.Usual(), self: acceptor(1), lines: []line{
		hears(proposer(11), single.Accept(vote(1, 11, "x"))),
		hears(proposer(12), single.Prepare{Ballot: in(2, 12)}),
		again(),
		hears(proposer(12), single.Accept(vote(1, 12, "y")), to(proposer(12), single.Nack{Ballot: in(1, 12), Promised: in(2, 12)})),
		hears(proposer(11), single.Prepare{Ballot: in(3, 11)}, to(proposer(11), single.Promise{Ballot: in(3, 11), Last: vote(1, 11, "x")})),
		again(),
		hears(learner(21), single.Inquire{}, to(learner(21), single.Accepted(vote(1, 11, "x")))),
	}}
}

func damaged() talk {
	return talk{
		name: "a damaged last record", cfg: single.Usual(), self: acceptor(1),
		disk: []machine.Data{single.Kept{Promised: in(1, 11), Voted: vote(1, 11, "x")}, nil},
		lines: []line{
			ignores(proposer(11), single.Prepare{Ballot: in(9, 11)}),
			ignores(proposer(11), single.Accept(vote(9, 11, "y"))),
			ignores(learner(21), single.Inquire{}),
		},
	}
}

func mended() talk {
	return talk{
		name: "a damaged record that another replaces", cfg: single.Usual(), self: acceptor(1),
		disk: []machine.Data{nil, single.Kept{Promised: in(2, 12), Voted: vote(1, 11, "x")}},
		lines: []line{
			hears(proposer(12), single.Prepare{Ballot: in(3, 12)}, to(proposer(12), single.Promise{Ballot: in(3, 12), Last: vote(1, 11, "x")})),
		},
	}
}

func forged() talk {
	k := talk{name: "a forged message", cfg: single.Usual(), self: acceptor(1)}
	for _, from := range []machine.Addr{proposer(12), proposer(13), learner(11), acceptor(2), {Node: 11, Role: "king"}} {
		k.lines = append(k.lines, ignores(from, single.Prepare{Ballot: in(1, 11)}), ignores(from, single.Accept(vote(1, 11, "x"))))
	}
	k.lines = append(k.lines, ignores(proposer(13), single.Prepare{Ballot: in(1, 13)}),
		hears(proposer(11), single.Prepare{Ballot: in(1, 11)}, to(proposer(11), single.Promise{Ballot: in(1, 11)})))
	return k
}

// fewRecords is how many records of an acceptor may stand at a time.
const fewRecords = 4

func staysShort(t *judge.T) {
	s := &subject{t: t, talk: talk{name: "many ballots", cfg: single.Usual(), self: acceptor(1)}}
	s.begin()
	for round := range uint64(20) {
		s.hear(hears(proposer(11), single.Prepare{Ballot: in(round+1, 11)}))
		s.hear(hears(proposer(11), single.Accept(vote(round+1, 11, "x")), to(learner(21), single.Accepted(vote(round+1, 11, "x")))))
	}
	if left := uint64(len(s.disk)) - max(s.trim, 1) + 1; left > fewRecords {
		t.Errorf("after %d records %d are not trimmed: want at most %d", len(s.disk), left, fewRecords)
	}
}
