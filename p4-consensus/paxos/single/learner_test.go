package single_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/single"
)

func accepted(round uint64, node machine.Node, value string) single.Accepted {
	return single.Accepted(vote(round, node, value))
}

func TestAQuorumOfVotesInOneBallotIsChosen(t *testing.T) {
	l := start(t, usual(), learner(21))
	l.asked(single.Learn{})
	silent(t, l.hears(acceptor(1), accepted(1, 11, "x")))
	silent(t, l.hears(acceptor(1), accepted(1, 11, "x"))) // one acceptor, twice
	out := l.hears(acceptor(3), accepted(1, 11, "x"))
	equal(t, []machine.Answer{{ID: 1, Data: single.Chosen{Value: "x"}}}, out.Reply)
	equal(t, []machine.Answer{{ID: 2, Data: single.Chosen{Value: "x"}}}, l.asked(single.Learn{}).Reply)
	silent(t, l.hears(acceptor(2), accepted(1, 11, "x")))
}

func TestOfFourVotesThreeChooseOrAsManyAsConfigured(t *testing.T) {
	for quorum2, want := range map[int]int{0: 3, 2: 2} {
		cfg := of(4)
		cfg.Learners, cfg.Quorum1, cfg.Quorum2 = []machine.Node{21}, 3, quorum2
		l := start(t, cfg, learner(21))
		l.asked(single.Learn{})
		for n := 1; n < want; n++ {
			silent(t, l.hears(acceptor(machine.Node(n)), accepted(1, 11, "x")))
		}
		require.NotEmpty(t, l.hears(acceptor(4), accepted(1, 11, "x")).Reply)
	}
}

func TestEqualValuesInDifferentBallotsDoNotAddUp(t *testing.T) {
	l := start(t, five(), learner(21))
	silent(t, l.hears(acceptor(1), accepted(1, 11, "x")))
	silent(t, l.hears(acceptor(2), accepted(1, 11, "x")))
	silent(t, l.hears(acceptor(3), accepted(2, 12, "x")))
	silent(t, l.hears(acceptor(1), accepted(2, 12, "x"))) // has voted again
	require.NotEmpty(t, l.hears(acceptor(5), accepted(2, 12, "x")).Send)
}

func TestAVoteThatComesLateReplacesNoLaterOne(t *testing.T) {
	l := start(t, usual(), learner(21))
	silent(t, l.hears(acceptor(1), accepted(2, 12, "x")))
	silent(t, l.hears(acceptor(1), accepted(1, 11, "y")))
	require.NotEmpty(t, l.hears(acceptor(2), accepted(2, 12, "x")).Send)
}

func TestThreeWaysToTellLearners(t *testing.T) {
	for name, c := range map[string]struct {
		told  int
		hears []machine.Addr // of a vote
		tells []machine.Addr // what is chosen, once it knows
	}{
		"all": {0, []machine.Addr{learner(21), learner(22), learner(23)}, nil},
		"one distinguished learner": {
			1,
			[]machine.Addr{learner(21)},
			[]machine.Addr{learner(22), learner(23)},
		},
		"a set": {2, []machine.Addr{learner(21), learner(22)}, []machine.Addr{learner(23)}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := usual()
			cfg.Told = c.told
			a := start(t, cfg, acceptor(1))
			equal(t, c.hears, receivers(a.hears(proposer(11), single.Accept(vote(1, 11, "x")))))

			for _, told := range c.hears {
				l := start(t, cfg, told)
				l.hears(acceptor(1), accepted(1, 11, "x"))
				out := l.hears(acceptor(2), accepted(1, 11, "x"))
				equal(t, append(append([]machine.Addr(nil), c.tells...), proposer(11), proposer(12)), receivers(out))
			}
			for _, other := range c.tells {
				l := start(t, cfg, other)
				l.asked(single.Learn{})
				out := l.hears(learner(21), single.Chosen{Value: "x"})
				equal(t, machine.Out{Reply: []machine.Answer{{ID: 1, Data: single.Chosen{Value: "x"}}}}, out)
			}
		})
	}
}

func receivers(out machine.Out) (all []machine.Addr) {
	for _, e := range out.Send {
		all = append(all, e.To)
	}
	return all
}

func TestALearnerThatWaitsAsksAgainAndThenAlsoAProposer(t *testing.T) {
	for _, c := range []struct {
		told  int
		self  machine.Addr
		tells []machine.Addr // who tells it
	}{
		{0, learner(23), []machine.Addr{acceptor(1), acceptor(2), acceptor(3)}},
		{2, learner(22), []machine.Addr{acceptor(1), acceptor(2), acceptor(3)}},
		{2, learner(23), []machine.Addr{learner(21), learner(22)}},
	} {
		cfg := usual()
		cfg.Told = c.told
		l := start(t, cfg, c.self)
		out := l.asked(single.Learn{})
		silent(t, l.asked(single.Learn{})) // one timer is enough
		wait := 100 * machine.Millisecond
		for _, too := range [][]machine.Addr{nil, {proposer(12)}, {proposer(11)}, {proposer(12)}} {
			require.Equal(t, wait, timer(t, out).After)
			out = l.hears(l.self, timer(t, out).Msg)
			want := append(append(append([]machine.Addr(nil), c.tells...), too...), l.self)
			equal(t, want, receivers(out))
			wait *= 2
		}
	}
}

func TestALearnerThatNobodyAsksAsksNobody(t *testing.T) {
	l := start(t, usual(), learner(21))
	out := l.asked(single.Learn{})
	l.step(machine.Cancel{ID: 1})
	silent(t, l.hears(l.self, timer(t, out).Msg))
	require.Equal(t, 100*machine.Millisecond, timer(t, l.asked(single.Learn{})).After, "as patient as at first")

	l.hears(learner(22), single.Chosen{Value: "x"})
	silent(t, l.hears(l.self, single.Again{}))
}

func TestALearnerFindsOutForOneWhoInquires(t *testing.T) {
	for _, from := range []machine.Addr{learner(22), proposer(12)} {
		l := start(t, usual(), learner(21))
		out := l.hears(from, single.Inquire{})
		require.Empty(t, sent(out, from.Role))
		out = l.hears(l.self, timer(t, out).Msg)
		equal(t, []machine.Data{single.Inquire{}, single.Inquire{}, single.Inquire{}}, sent(out, single.Acceptor))
		silent(t, l.hears(l.self, timer(t, out).Msg)) // nobody has asked again

		l.hears(acceptor(1), accepted(1, 11, "x"))
		l.hears(acceptor(2), accepted(1, 11, "x"))
		equal(t, machine.Out{Send: []machine.Envelope{{To: from, Msg: single.Chosen{Value: "x"}}}}, l.hears(from, single.Inquire{}))
	}
}

func TestALearnerForgetsAtARestartAndAsks(t *testing.T) {
	l := start(t, usual(), learner(21))
	l.hears(acceptor(1), accepted(1, 11, "x"))
	l.hears(acceptor(2), accepted(1, 11, "x"))
	require.Empty(t, l.disk)
	silent(t, l.restart())
	require.Empty(t, l.asked(single.Learn{}).Reply)
	equal(t, []machine.Answer{{ID: 1, Data: single.Chosen{Value: "x"}}}, l.hears(proposer(12), single.Chosen{Value: "x"}).Reply)
}

func TestALearnerBoundsThoseWhoWait(t *testing.T) {
	l := start(t, usual(), learner(21))
	for range single.MaxWaiting {
		require.Empty(t, l.asked(single.Learn{}).Reply)
	}
	equal(t, machine.Out{Reply: []machine.Answer{{ID: single.MaxWaiting + 1, Data: single.Refused{Why: single.Busy}}}}, l.asked(single.Learn{}))
	l.step(machine.Cancel{ID: 7})
	silent(t, l.asked(single.Learn{}))
	require.Len(t, l.hears(learner(22), single.Chosen{Value: "x"}).Reply, single.MaxWaiting)
}

func TestALearnerThatIsToldOfTwoValuesSaysSo(t *testing.T) {
	l := start(t, usual(), learner(21))
	l.hears(learner(22), single.Chosen{Value: "x"})
	silent(t, l.hears(learner(22), single.Chosen{Value: "x"}))
	out := l.hears(learner(23), single.Chosen{Value: "y"})
	require.Len(t, out.Note, 1)
	require.Equal(t, "violated", out.Note[0].Name)
	equal(t, []machine.Answer{{ID: 1, Data: single.Chosen{Value: "x"}}}, l.asked(single.Learn{}).Reply)
}

func TestALearnerBelievesNobodyOutsideItsGroup(t *testing.T) {
	l := start(t, usual(), learner(21))
	for _, from := range []machine.Addr{acceptor(4), learner(1), proposer(1), {Node: 1}} {
		silent(t, l.hears(from, accepted(1, 11, "x")))
		silent(t, l.hears(from, single.Chosen{Value: "x"}))
		silent(t, l.hears(from, single.Inquire{}))
		silent(t, l.hears(from, single.Again{}))
	}
}
