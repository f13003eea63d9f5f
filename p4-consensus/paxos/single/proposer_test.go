package single_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
)

// five is a Config of five acceptors, so that quorums are of three.
func five() single.Config {
	c := usual()
	c.Acceptors = []machine.Node{1, 2, 3, 4, 5}
	return c
}

// promise is one of ballot 9.11.
func promise(last single.Vote) single.Promise {
	return single.Promise{Ballot: ballot(9, 11), Last: last}
}

// inNine starts proposer 11 and brings it to phase 1 of ballot 9.11, with "own" to propose.
func inNine(t *testing.T, cfg single.Config) *subject {
	t.Helper()
	p := start(t, cfg, proposer(11))
	p.disk = []machine.Data{single.Used{Ballot: ballot(8, 11)}}
	p.restart()
	require.Contains(t, sent(p.asked(single.Propose{Value: "own"}), single.Acceptor), single.Prepare{Ballot: ballot(9, 11)})
	return p
}

func TestAProposerBeginsWithABallotThatItHasSaved(t *testing.T) {
	p := start(t, usual(), proposer(11))
	out := p.asked(single.Propose{Value: "x"})
	equal(t, []machine.Data{single.Used{Ballot: ballot(1, 11)}}, out.Save)
	ask := single.Prepare{Ballot: ballot(1, 11)}
	equal(t, []machine.Envelope{
		{To: acceptor(1), Msg: ask},
		{To: acceptor(2), Msg: ask},
		{To: acceptor(3), Msg: ask},
		{To: proposer(11), After: 100 * machine.Millisecond, Msg: single.Retry{Ballot: ballot(1, 11)}},
	}, out.Send)
}

func TestAProposerIsBoundByTheHighestVoteThatItIsToldOf(t *testing.T) {
	for name, c := range map[string]struct {
		told [3]single.Vote
		want string
	}{
		"none":             {want: "own"},
		"one":              {told: [3]single.Vote{{}, vote(1, 11, "x"), {}}, want: "x"},
		"highest first":    {told: [3]single.Vote{vote(4, 11, "x"), vote(3, 12, "y"), vote(3, 11, "z")}, want: "x"},
		"highest between":  {told: [3]single.Vote{vote(3, 12, "y"), vote(4, 11, "x"), vote(3, 11, "z")}, want: "x"},
		"highest last":     {told: [3]single.Vote{vote(3, 12, "y"), vote(3, 11, "z"), vote(4, 11, "x")}, want: "x"},
		"by node":          {told: [3]single.Vote{vote(3, 12, "x"), vote(3, 11, "y"), {}}, want: "x"},
		"not the frequent": {told: [3]single.Vote{vote(3, 12, "y"), vote(3, 12, "y"), vote(4, 11, "x")}, want: "x"},
		"an empty value":   {told: [3]single.Vote{{}, vote(3, 12, ""), {}}, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := inNine(t, five())
			silent(t, p.hears(acceptor(4), promise(c.told[0])))
			silent(t, p.hears(acceptor(1), promise(c.told[1])))
			out := p.hears(acceptor(5), promise(c.told[2]))
			asked := single.Accept{Ballot: ballot(9, 11), Value: c.want}
			equal(t, []machine.Data{asked, asked, asked, asked, asked}, sent(out, single.Acceptor))
		})
	}
}

func TestOfFourAcceptorsThreeMakeAQuorumOrAsManyAsConfigured(t *testing.T) {
	for quorum1, want := range map[int]int{0: 3, 4: 4} {
		cfg := of(4)
		cfg.Proposers, cfg.Quorum1 = []machine.Node{11}, quorum1
		p := inNine(t, cfg)
		for n := 1; n < want; n++ {
			silent(t, p.hears(acceptor(machine.Node(n)), promise(single.Vote{})))
		}
		require.NotEmpty(t, p.hears(acceptor(4), promise(single.Vote{})).Send)
	}
}

func TestPromisesOfOneAcceptorCountOnce(t *testing.T) {
	p := inNine(t, five())
	for range 5 {
		silent(t, p.hears(acceptor(4), promise(single.Vote{})))
	}
}

func TestPromisesOfAnEarlierBallotDoNotCount(t *testing.T) {
	p := inNine(t, five())
	p.hears(acceptor(1), promise(single.Vote{}))
	p.hears(acceptor(2), promise(single.Vote{}))
	p.hears(proposer(11), single.Retry{Ballot: ballot(9, 11)})
	silent(t, p.hears(acceptor(3), promise(single.Vote{})))
	silent(t, p.hears(acceptor(4), promise(single.Vote{})))
	ten := single.Promise{Ballot: ballot(10, 11)}
	silent(t, p.hears(acceptor(3), ten))
	silent(t, p.hears(acceptor(1), ten))
	require.NotEmpty(t, p.hears(acceptor(5), ten).Send)
}

func TestAProposerAsksForVotesOnceInABallot(t *testing.T) {
	p := inNine(t, usual())
	p.hears(acceptor(1), promise(single.Vote{}))
	require.NotEmpty(t, p.hears(acceptor(2), promise(single.Vote{})).Send)
	silent(t, p.hears(acceptor(3), promise(vote(8, 12, "x"))))
	silent(t, p.asked(single.Propose{Value: "another"}))
}

func TestABallotIsNeverUsedAgainAfterARestart(t *testing.T) {
	p := start(t, usual(), proposer(11))
	used := map[proto.Ballot]bool{}
	for range 5 {
		out := p.asked(single.Propose{Value: "x"})
		b := sent(out, single.Acceptor)[0].(single.Prepare).Ballot
		require.False(t, used[b], b)
		require.Equal(t, uint64(len(p.disk)), p.trim, "the log is one record")
		used[b] = true
		silent(t, p.restart())
		silent(t, p.hears(acceptor(1), single.Promise{Ballot: b}))
		silent(t, p.hears(acceptor(2), single.Promise{Ballot: b}))
	}
}

func TestNoTwoProposersShareABallot(t *testing.T) {
	used := map[proto.Ballot]machine.Node{}
	for _, n := range []machine.Node{11, 12} {
		p := start(t, usual(), proposer(n))
		out := p.asked(single.Propose{Value: "x"})
		for range 20 {
			b := p.disk[len(p.disk)-1].(single.Used).Ballot
			require.Zero(t, used[b], b)
			used[b] = n
			out = p.hears(p.self, timer(t, out).Msg)
		}
	}
}

func TestARefusedProposerTriesAboveWhatWasPromised(t *testing.T) {
	p := inNine(t, usual())
	out := p.hears(acceptor(2), single.Nack{Ballot: ballot(9, 11), Promised: ballot(30, 12)})
	require.Empty(t, out.Save, "it waits for a while")
	soon := timer(t, out)
	require.Less(t, soon.After, 100*machine.Millisecond)
	silent(t, p.hears(acceptor(3), single.Nack{Ballot: ballot(9, 11), Promised: ballot(30, 12)})) // nothing new
	equal(t, []machine.Data{single.Used{Ballot: ballot(31, 11)}}, p.hears(p.self, soon.Msg).Save)
	silent(t, p.hears(acceptor(3), single.Nack{Ballot: ballot(9, 11), Promised: ballot(99, 12)})) // of an old ballot
}

func TestARefusedBallotMaySucceedYet(t *testing.T) {
	p := inNine(t, usual())
	p.hears(acceptor(2), single.Nack{Ballot: ballot(9, 11), Promised: ballot(30, 12)})
	p.hears(acceptor(1), promise(single.Vote{}))
	require.NotEmpty(t, sent(p.hears(acceptor(3), promise(single.Vote{})), single.Acceptor))
}

func TestPatienceDoublesAndIsDrawnAtRandom(t *testing.T) {
	const unit = 100 * machine.Millisecond
	for random, share := range map[uint64]machine.Time{0: 0, uint64(unit / 2): 1} {
		p := start(t, usual(), proposer(11))
		p.random = random
		out := p.asked(single.Propose{Value: "x"})
		for _, times := range []machine.Time{1, 2, 4, 8, 16, 16, 16} {
			require.Equal(t, times*unit+share*unit/2, timer(t, out).After)
			out = p.hears(p.self, timer(t, out).Msg)
			equal(t, []machine.Data{single.Inquire{}, single.Inquire{}, single.Inquire{}}, sent(out, single.Learner))
		}
	}
}

func TestAProposerAnswersAllWhenItHearsWhatIsChosen(t *testing.T) {
	p := inNine(t, usual())
	p.asked(single.Propose{Value: "two"})
	p.asked(single.Propose{Value: "three"})
	p.step(machine.Cancel{ID: 2})
	out := p.hears(learner(22), single.Chosen{Value: "x"})
	equal(t, machine.Out{Reply: []machine.Answer{
		{ID: 1, Data: single.Chosen{Value: "x"}}, {ID: 3, Data: single.Chosen{Value: "x"}},
	}}, out)
	silent(t, p.hears(p.self, single.Retry{Ballot: ballot(9, 11)}))
	silent(t, p.hears(learner(22), single.Chosen{Value: "x"}))
	equal(t, machine.Out{Reply: []machine.Answer{{ID: 4, Data: single.Chosen{Value: "x"}}}}, p.asked(single.Propose{Value: "four"}))
	equal(t, []machine.Data{single.Chosen{Value: "x"}}, sent(p.hears(learner(21), single.Inquire{}), single.Learner))
}

func TestAProposerForWhichNobodyWaitsBeginsNoBallot(t *testing.T) {
	p := inNine(t, usual())
	p.step(machine.Cancel{ID: 1})
	silent(t, p.hears(p.self, single.Retry{Ballot: ballot(9, 11)}))
	out := p.asked(single.Propose{Value: "x"})
	equal(t, []machine.Data{single.Used{Ballot: ballot(10, 11)}}, out.Save)
	require.Equal(t, 100*machine.Millisecond, timer(t, out).After, "as patient as at first")
}

func TestTheFirstValueThatIsStillWantedIsProposed(t *testing.T) {
	p := inNine(t, usual())
	p.asked(single.Propose{Value: "two"})
	p.step(machine.Cancel{ID: 1})
	p.hears(acceptor(1), promise(single.Vote{}))
	require.Contains(t, sent(p.hears(acceptor(2), promise(single.Vote{})), single.Acceptor), single.Accept(vote(9, 11, "two")))
}

func TestAProposerThatALearnerAsksShowsWhatIsChosen(t *testing.T) {
	p := start(t, usual(), proposer(11))
	out := p.hears(learner(21), single.Inquire{})
	require.Contains(t, sent(out, single.Acceptor), single.Prepare{Ballot: ballot(1, 11)})
	silent(t, p.hears(learner(22), single.Inquire{})) // it is under way
	one := single.Promise{Ballot: ballot(1, 11)}
	silent(t, p.hears(acceptor(1), one))
	silent(t, p.hears(acceptor(2), one)) // nothing is chosen, and it has no value of its own
	one.Last = vote(1, 9, "x")
	require.Contains(t, sent(p.hears(acceptor(3), one), single.Acceptor), single.Accept(vote(1, 11, "x")))
	silent(t, p.hears(p.self, timer(t, out).Msg)) // the learner will ask again
	require.NotEmpty(t, p.hears(learner(21), single.Inquire{}).Save)
}

func TestAValueThatComesLateGoesIntoTheBallotThatIsUnderWay(t *testing.T) {
	p := start(t, usual(), proposer(11))
	p.hears(learner(21), single.Inquire{})
	p.hears(acceptor(1), single.Promise{Ballot: ballot(1, 11)})
	p.hears(acceptor(2), single.Promise{Ballot: ballot(1, 11)})
	require.Contains(t, sent(p.asked(single.Propose{Value: "x"}), single.Acceptor), single.Accept(vote(1, 11, "x")))
}

func TestAProposerRefusesWhatItCannotHold(t *testing.T) {
	p := start(t, usual(), proposer(11))
	equal(t, machine.Out{Reply: []machine.Answer{{ID: 1, Data: single.Refused{Why: single.TooLarge}}}},
		p.asked(single.Propose{Value: strings.Repeat("x", single.MaxValue+1)}))
	for range single.MaxWaiting {
		require.Empty(t, p.asked(single.Propose{Value: "x"}).Reply)
	}
	equal(t, machine.Out{Reply: []machine.Answer{{ID: single.MaxWaiting + 2, Data: single.Refused{Why: single.Busy}}}},
		p.asked(single.Propose{Value: "x"}))
}

func TestAProposerWithoutItsLastRecordBeginsNoBallot(t *testing.T) {
	p := start(t, usual(), proposer(11))
	p.disk = []machine.Data{single.Used{Ballot: ballot(1, 11)}, nil}
	p.restart()
	equal(t, machine.Out{Reply: []machine.Answer{{ID: 1, Data: single.Refused{Why: single.Disabled}}}}, p.asked(single.Propose{Value: "x"}))
	silent(t, p.hears(learner(21), single.Inquire{}))
	p.hears(learner(21), single.Chosen{Value: "y"})
	require.NotEmpty(t, p.hears(learner(21), single.Inquire{}).Send, "it still tells what it hears")
}

func TestAProposerWithNoBallotLeftAsksOnly(t *testing.T) {
	p := inNine(t, usual())
	out := p.hears(acceptor(1), single.Nack{Ballot: ballot(9, 11), Promised: ballot(proto.MaxRound, 12)})
	out = p.hears(p.self, timer(t, out).Msg)
	require.Empty(t, out.Save)
	equal(t, []machine.Data{single.Inquire{}, single.Inquire{}, single.Inquire{}}, sent(out, single.Learner))
	timer(t, out)
	equal(t, []machine.Answer{{ID: 2, Data: single.Refused{Why: single.Disabled}}}, p.asked(single.Propose{Value: "y"}).Reply)
	require.Len(t, p.hears(learner(21), single.Chosen{Value: "x"}).Reply, 1, "the first may have been chosen, so it has waited")
}

func TestAProposerBelievesNobodyOutsideItsGroup(t *testing.T) {
	p := inNine(t, usual())
	for _, from := range []machine.Addr{acceptor(4), learner(1), proposer(1), {Node: 1}} {
		silent(t, p.hears(from, promise(single.Vote{})))
		silent(t, p.hears(from, single.Nack{Ballot: ballot(9, 11), Promised: ballot(30, 12)}))
		silent(t, p.hears(from, single.Chosen{Value: "x"}))
		silent(t, p.hears(from, single.Retry{Ballot: ballot(9, 11)}))
	}
}
