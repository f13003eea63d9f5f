package paxos_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"dss.example/common/machine"
	"dss.example/common/sim/explore"
	"dss.example/common/sim/toys/paxos"
	"github.com/stretchr/testify/require"
)

// party is a toy world: acceptors 1 to 3, then proposers from 11, then learners
// from 21.
type party struct {
	proposers, learners int
	bug                 paxos.Bug
}

var acceptors = []machine.Node{1, 2, 3}

func nodes(first machine.Node, n int) []machine.Node {
	list := make([]machine.Node, n)
	for i := range list {
		list[i] = first + machine.Node(i)
	}
	return list
}

func (p party) places() []explore.Place {
	cfg := paxos.Config{Acceptors: acceptors, Proposers: nodes(11, p.proposers), Learners: nodes(21, p.learners), Bug: p.bug}
	var places []explore.Place
	add := func(role string, nodes []machine.Node) {
		for _, n := range nodes {
			places = append(places, explore.Place{
				Addr: machine.Addr{Node: n, Role: role}, Protocol: paxos.Protocol(role), Config: cfg.Bytes(),
			})
		}
	}
	add(paxos.Acceptor, acceptors)
	add(paxos.Proposer, cfg.Proposers)
	add(paxos.Learner, cfg.Learners)
	return places
}

func propose(proposer machine.Node, value string) explore.Ask {
	return explore.Ask{To: machine.Addr{Node: proposer, Role: paxos.Proposer}, Cmd: paxos.Propose{Value: value}}
}

func learn() explore.Ask {
	return explore.Ask{To: machine.Addr{Node: 21, Role: paxos.Learner}, Cmd: paxos.Learn{}}
}

// chosen returns the values that a majority saved a vote for in one ballot.
func chosen(w explore.World) []string {
	votes := make(map[machine.Node][]paxos.Vote)
	for _, n := range acceptors {
		for r := range w.Saved(machine.Addr{Node: n, Role: paxos.Acceptor}) {
			if v, ok := r.(paxos.Voted); ok {
				votes[n] = append(votes[n], paxos.Vote(v))
			}
		}
	}
	return paxos.Choices(len(acceptors), votes)
}

// agreement: at most one value is chosen, and nobody learns another.
func agreement(w explore.World) error {
	values := chosen(w)
	if len(values) > 1 {
		return fmt.Errorf("two values are chosen: %q", values)
	}
	for a := range w.Answers() {
		if c := a.Data.(paxos.Chosen); !slices.Contains(values, c.Value) {
			return fmt.Errorf("%q was learned and %q chosen", c.Value, values)
		}
	}
	return nil
}

func search(t *testing.T, cfg explore.Config) explore.Result {
	t.Helper()
	began := time.Now()
	r, err := explore.Search(cfg)
	require.NoError(t, err)
	t.Logf("%d worlds, %d local states, %d messages, %d steps, depth %d in %v",
		r.Worlds, r.Locals, r.Messages, r.Steps, r.Depth, time.Since(began).Round(time.Millisecond))
	return r
}

func TestTwoProposersWithOneBallotEachAgreeInEveryWorld(t *testing.T) {
	r := search(t, explore.Config{
		Places:    party{proposers: 2, learners: 2}.places(),
		Asks:      []explore.Ask{propose(11, "a"), propose(12, "b")},
		Invariant: agreement,
	})
	require.NoError(t, r.Err())
	require.Equal(t, 143_805, r.Worlds)
}

func TestTwoProposersWithOneBallotEachAgreeOverACrashAnywhere(t *testing.T) {
	t.Parallel()
	r := search(t, explore.Config{
		Places:    party{proposers: 2, learners: 2}.places(),
		Asks:      []explore.Ask{propose(11, "a"), propose(12, "b")},
		Crashes:   1,
		Invariant: agreement,
	})
	require.NoError(t, r.Err())
	require.Equal(t, 561_674, r.Worlds)
}

// environment plays the proposers of Lamport's specification, so that acceptors
// are the only machines: it may start any ballot (phase 1a), and ask for votes on
// any value that the promises of a quorum show to be safe, once in a ballot (2a).
func environment(ballots int) func(explore.World) []explore.Act {
	return func(w explore.World) []explore.Act {
		asked := make(map[uint64]bool)
		promises := make(map[uint64]map[machine.Node][]paxos.Vote)
		for m := range w.Sent() {
			switch msg := m.Msg.(type) {
			case paxos.Accept:
				asked[msg.Ballot] = true
			case paxos.Promise:
				of := promises[msg.Ballot]
				if of == nil {
					of = make(map[machine.Node][]paxos.Vote)
					promises[msg.Ballot] = of
				}
				of[m.From.Node] = append(of[m.From.Node], msg.Last)
			}
		}
		var acts []explore.Act
		for b := uint64(1); b <= uint64(ballots); b++ {
			acts = append(acts, broadcast(paxos.Prepare{Ballot: b}))
			for _, v := range []string{"a", "b"} {
				if !asked[b] && safe(promises[b], v) {
					acts = append(acts, broadcast(paxos.Accept{Ballot: b, Value: v}))
				}
			}
		}
		return acts
	}
}

func broadcast(msg machine.Data) explore.Act {
	act := explore.Act{Name: fmt.Sprintf("%T", msg), From: machine.Addr{Node: 9, Role: paxos.Proposer}}
	for _, n := range acceptors {
		act.Send = append(act.Send, machine.Envelope{To: machine.Addr{Node: n, Role: paxos.Acceptor}, Msg: msg})
	}
	return act
}

// safe tells whether the promises of some two acceptors allow a value: none of
// them reports a vote, or the highest vote reported is for it.
func safe(promises map[machine.Node][]paxos.Vote, value string) bool {
	for _, without := range acceptors {
		highest, ofValue, answered := uint64(0), uint64(0), 0
		for node, votes := range promises {
			if node == without {
				continue
			}
			answered++
			for _, v := range votes {
				highest = max(highest, v.Ballot)
				if v.Value == value {
					ofValue = max(ofValue, v.Ballot)
				}
			}
		}
		if answered == 2 && highest == ofValue {
			return true
		}
	}
	return false
}

func TestAcceptorMachinesHaveLamportsNumberOfStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ballots, worlds int }{{2, 3_921}, {3, 185_369}} {
		cfg := paxos.Config{Acceptors: acceptors, Learners: []machine.Node{9}}
		var places []explore.Place
		for _, n := range acceptors {
			places = append(places, explore.Place{
				Addr: machine.Addr{Node: n, Role: paxos.Acceptor}, Protocol: paxos.Protocol(paxos.Acceptor), Config: cfg.Bytes(),
			})
		}
		for _, role := range []string{paxos.Proposer, paxos.Learner} { // nobody lives there
			p := paxos.Protocol(role)
			p.New = nil
			places = append(places, explore.Place{Addr: machine.Addr{Node: 9, Role: role}, Protocol: p})
		}
		r := search(t, explore.Config{Places: places, Inject: environment(c.ballots), Invariant: agreement})
		require.NoError(t, r.Err())
		require.Equal(t, c.worlds, r.Worlds)
	}
}

// setting is a world in which some mistakes do harm.
type setting struct {
	proposers, learners, crashes int
	asks                         []explore.Ask
	mortal                       []machine.Node
}

var (
	two      = setting{2, 0, 0, []explore.Ask{propose(11, "a"), propose(12, "b")}, nil}
	twoCrash = setting{2, 0, 1, two.asks, nil}
	learning = setting{2, 1, 0, append([]explore.Ask{learn()}, two.asks...), nil}
	again    = setting{2, 0, 0, []explore.Ask{propose(11, "a"), propose(11, "b"), propose(12, "c")}, nil}
	three    = setting{3, 0, 0, []explore.Ask{propose(11, "a"), propose(12, "b"), propose(13, "c")}, nil}
	oneCrash = setting{2, 0, 1, again.asks, []machine.Node{11}}
)

func (s setting) config(bug paxos.Bug) explore.Config {
	return explore.Config{
		Places:    party{s.proposers, s.learners, bug}.places(),
		Asks:      s.asks,
		Crashes:   s.crashes,
		Mortal:    s.mortal,
		Invariant: agreement,
	}
}

func TestEveryPlantedBugIsFoundByItsShortestPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bug     paxos.Bug
		in      setting
		actions int // on the shortest path
	}{
		{paxos.PromiseNotSaved, twoCrash, 15},
		{paxos.VoteForgottenAtRestart, twoCrash, 15},
		{paxos.SentBeforeSaved, twoCrash, 14},
		{paxos.BallotResumed, twoCrash, 18},
		{paxos.BallotReused, oneCrash, 19},
		{paxos.PromiseLowered, two, 14},
		{paxos.VoteNotReported, two, 14},
		{paxos.VoteBelowPromise, two, 14},
		{paxos.OwnValue, two, 14},
		{paxos.HalfIsEnough, two, 10},
		{paxos.DuplicateCounted, two, 12},
		{paxos.EarlierPromises, again, 12},
		{paxos.VoteWithoutPromise, three, 20},
		{paxos.LowestBallot, three, 20},
		{paxos.FirstReported, three, 20},
		{paxos.TwoValues, three, 23},
		{paxos.BallotsMixed, learning, 15},
	} {
		t.Run(string(c.bug), func(t *testing.T) {
			r := search(t, c.in.config(c.bug))
			require.NotNil(t, r.Violation, "the bug was not found: %v", r.Err())
			t.Log(r.Violation)
			require.Len(t, r.Violation.Path, c.actions)
		})
	}
}

func TestNoFalseAlarmInTheSettingsOfTheBugs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		in     setting
		worlds int
	}{
		{"two", two, 2_905},
		{"two, crash", twoCrash, 10_242},
		{"learning", learning, 28_954},
		{"again", again, 245_245},
		{"three", three, 159_725},
		{"again, crash", oneCrash, 671_434},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := search(t, c.in.config(""))
			require.NoError(t, r.Err())
			require.Equal(t, c.worlds, r.Worlds)
		})
	}
}

// far is a machine behind a pipe: everything goes through bytes.
type far struct {
	explore.Live
	protocol *machine.Protocol
}

func (f far) Step(in machine.In, out *machine.Out) {
	there, err := machine.DecodeIn(machine.AppendIn(nil, in), f.protocol)
	if err != nil {
		panic(err)
	}
	var answer machine.Out
	f.Live.Step(there, &answer)
	if err := machine.DecodeOut(machine.AppendOut(nil, &answer), out); err != nil {
		panic(err)
	}
}

func TestMachinesBehindAPipeHaveTheSameWorlds(t *testing.T) {
	places := party{proposers: 2}.places()
	for i, p := range places {
		places[i].New = func() (explore.Live, error) {
			m, err := p.Protocol.New(p.Addr, p.Config)
			return far{explore.Local(m), p.Protocol}, err
		}
	}
	r := search(t, explore.Config{Places: places, Asks: two.asks, Invariant: agreement})
	require.NoError(t, r.Err())
	require.Equal(t, 2_905, r.Worlds)
}
