package single_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

func TestAnAcceptorPromisesAndTellsItsLatestVote(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	out := a.hears(proposer(11), single.Prepare{Ballot: ballot(1, 11)})
	equal(t, machine.Out{
		Save: []machine.Data{single.Kept{Promised: ballot(1, 11)}}, Trim: 1,
		Send: []machine.Envelope{{To: proposer(11), Msg: single.Promise{Ballot: ballot(1, 11)}}},
	}, out)

	a.hears(proposer(11), single.Accept(vote(1, 11, "x")))
	out = a.hears(proposer(12), single.Prepare{Ballot: ballot(1, 12)})
	equal(t, []machine.Data{single.Promise{Ballot: ballot(1, 12), Last: vote(1, 11, "x")}}, sent(out, single.Proposer))
	equal(t, []machine.Data{single.Kept{Promised: ballot(1, 12), Voted: vote(1, 11, "x")}}, out.Save)
}

func TestAnAcceptorSavesItsVoteAndTellsLearners(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	out := a.hears(proposer(11), single.Accept(vote(1, 11, "x")))
	told := single.Accepted(vote(1, 11, "x"))
	equal(t, machine.Out{
		Save: []machine.Data{single.Kept{Promised: ballot(1, 11), Voted: vote(1, 11, "x")}}, Trim: 1,
		Send: []machine.Envelope{{To: learner(21), Msg: told}, {To: learner(22), Msg: told}, {To: learner(23), Msg: told}},
	}, out)
}

func TestAnAcceptorRefusesWhatIsBelowItsPromise(t *testing.T) {
	for below, promised := range map[proto.Ballot]proto.Ballot{
		ballot(5, 11): ballot(5, 12),
		ballot(4, 12): ballot(5, 11), // the round comes before the node
	} {
		a := start(t, usual(), acceptor(1))
		a.hears(proposer(promised.Node), single.Prepare{Ballot: promised})
		want := machine.Out{Send: []machine.Envelope{
			{To: proposer(below.Node), Msg: single.Nack{Ballot: below, Promised: promised}},
		}}
		equal(t, want, a.hears(proposer(below.Node), single.Prepare{Ballot: below}))
		equal(t, want, a.hears(proposer(below.Node), single.Accept(single.Vote{Ballot: below, Value: "x"})))
	}
}

func TestAVoteBindsLikeAPromise(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	a.hears(proposer(12), single.Accept(vote(5, 12, "x")))
	require.Empty(t, a.hears(proposer(11), single.Prepare{Ballot: ballot(5, 11)}).Save)
	require.Empty(t, a.hears(proposer(11), single.Accept(vote(5, 11, "y"))).Save)
}

func TestAnAcceptorVotesInABallotThatItHasNotPromised(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	a.hears(proposer(11), single.Prepare{Ballot: ballot(1, 11)})
	out := a.hears(proposer(12), single.Accept(vote(7, 12, "x")))
	require.Len(t, sent(out, single.Learner), 3)
}

func TestAnAcceptorRepeatsWhatItSaidAndSavesItOnce(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	first := a.hears(proposer(11), single.Prepare{Ballot: ballot(1, 11)})
	again := a.hears(proposer(11), single.Prepare{Ballot: ballot(1, 11)})
	equal(t, machine.Out{Send: first.Send}, again)

	first = a.hears(proposer(11), single.Accept(vote(1, 11, "x")))
	again = a.hears(proposer(11), single.Accept(vote(1, 11, "x")))
	equal(t, machine.Out{Send: first.Send}, again)

	silent(t, a.hears(proposer(11), single.Prepare{Ballot: ballot(1, 11)})) // its phase 1 is over
}

func TestAnAcceptorKeepsPromiseAndVoteOverARestart(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	a.hears(proposer(11), single.Prepare{Ballot: ballot(1, 11)})
	a.hears(proposer(11), single.Accept(vote(1, 11, "x")))
	a.hears(proposer(12), single.Prepare{Ballot: ballot(2, 12)})
	silent(t, a.restart())

	equal(t, []machine.Data{single.Nack{Ballot: ballot(1, 12), Promised: ballot(2, 12)}},
		sent(a.hears(proposer(12), single.Accept(vote(1, 12, "y"))), single.Proposer))
	out := a.hears(proposer(11), single.Prepare{Ballot: ballot(3, 11)})
	equal(t, []machine.Data{single.Promise{Ballot: ballot(3, 11), Last: vote(1, 11, "x")}}, sent(out, single.Proposer))
}

func TestTheLogOfAnAcceptorIsItsLastRecord(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	for round := uint64(1); round <= 5; round++ {
		a.hears(proposer(11), single.Prepare{Ballot: ballot(round, 11)})
		a.hears(proposer(11), single.Accept(vote(round, 11, "x")))
		require.Equal(t, uint64(len(a.disk)), a.trim)
		if round == 3 {
			a.restart()
		}
	}
	require.Len(t, a.disk, 10)
}

func TestAnAcceptorWithoutItsLastRecordTakesNoPart(t *testing.T) {
	for _, role := range []machine.Addr{learner(21), proposer(11)} {
		a := start(t, usual(), acceptor(1))
		a.disk = []machine.Data{single.Kept{Promised: ballot(1, 11), Voted: vote(1, 11, "x")}, nil}
		silent(t, a.restart())
		for _, msg := range []machine.Data{
			single.Prepare{Ballot: ballot(9, 11)}, single.Accept(vote(9, 11, "y")), single.Inquire{},
		} {
			silent(t, a.hears(role, msg))
		}
	}
}

func TestADamagedRecordThatALaterOneReplacesDoesNoHarm(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	a.disk = []machine.Data{nil, single.Kept{Promised: ballot(2, 12), Voted: vote(1, 11, "x")}}
	a.restart()
	out := a.hears(proposer(12), single.Prepare{Ballot: ballot(3, 12)})
	equal(t, []machine.Data{single.Promise{Ballot: ballot(3, 12), Last: vote(1, 11, "x")}}, sent(out, single.Proposer))
}

func TestABallotIsHeardFromItsOwnerOnly(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	for _, from := range []machine.Addr{proposer(12), proposer(13), learner(11), acceptor(2), {Node: 11, Role: "king"}} {
		silent(t, a.hears(from, single.Prepare{Ballot: ballot(1, 11)}))
		silent(t, a.hears(from, single.Accept(vote(1, 11, "x"))))
	}
	silent(t, a.hears(proposer(13), single.Prepare{Ballot: ballot(1, 13)}))
}

func TestAnAcceptorTellsALearnerThatAsksOfItsVote(t *testing.T) {
	a := start(t, usual(), acceptor(1))
	silent(t, a.hears(learner(22), single.Inquire{})) // nothing to tell
	a.hears(proposer(11), single.Accept(vote(1, 11, "x")))
	equal(t, machine.Out{
		Send: []machine.Envelope{{To: learner(22), Msg: single.Accepted(vote(1, 11, "x"))}},
	}, a.hears(learner(22), single.Inquire{}))
	silent(t, a.hears(proposer(11), single.Inquire{}))
}
