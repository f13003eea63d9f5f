package spec_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/single"
	"dss.example/p4-consensus/spec"
)

func at(role string, n machine.Node) machine.Addr { return machine.Addr{Node: n, Role: role} }

func in(round uint64, node machine.Node) proto.Ballot { return proto.Ballot{Round: round, Node: node} }

func vote(b proto.Ballot, value string) single.Vote { return single.Vote{Ballot: b, Value: value} }

// step is one step of a machine; the judge sees what came in, was saved and was said.
func step(self machine.Addr, event machine.Event, save []machine.Data, say ...machine.Data) sim.Step {
	out := &machine.Out{Save: save}
	for _, m := range say {
		out.SendTo(machine.Addr{Node: 9, Role: "anybody"}, m)
	}
	return sim.Step{Addr: self, In: machine.In{Event: event}, Out: out}
}

func saves(r ...machine.Data) []machine.Data { return r }

func arrives(from machine.Addr, msg machine.Data) machine.Event {
	return machine.Recv{From: from, Msg: msg}
}

// begins are the steps by which a proposer is asked for a value and begins a ballot.
func begins(b proto.Ballot, value string) []sim.Step {
	self := at(single.Proposer, b.Node)
	return []sim.Step{
		step(self, machine.Ask{Cmd: single.Propose{Value: value}}, saves(single.Used{Ballot: b}), single.Prepare{Ballot: b}),
	}
}

// promises are those by which an acceptor promises, and its promise arrives.
func promises(a machine.Node, b proto.Ballot, last single.Vote) []sim.Step {
	self, m := at(single.Acceptor, a), single.Promise{Ballot: b, Last: last}
	return []sim.Step{
		step(self, machine.Recv{}, saves(single.Kept{Promised: b, Voted: last}), m),
		step(at(single.Proposer, b.Node), arrives(self, m), nil),
	}
}

func asksFor(v single.Vote) []sim.Step {
	return []sim.Step{step(at(single.Proposer, v.Ballot.Node), machine.Recv{}, nil, single.Accept(v))}
}

func votes(a machine.Node, v single.Vote) []sim.Step {
	return []sim.Step{step(at(single.Acceptor, a), machine.Recv{}, saves(single.Kept{Promised: v.Ballot, Voted: v}), single.Accepted(v))}
}

func restarts(self machine.Addr, loads ...machine.Data) (all []sim.Step) {
	for i, r := range loads {
		all = append(all, step(self, machine.Load{Seq: uint64(i) + 1, Record: r}, nil))
	}
	return append(all, step(self, machine.Ready{}, nil))
}

func tells(value string) []sim.Step {
	return []sim.Step{step(at(single.Learner, 21), machine.Recv{}, nil, single.Chosen{Value: value})}
}

func early(of []sim.Step) []sim.Step {
	for i := range of[0].Out.Send {
		of[0].Out.Send[i].Early = true
	}
	return of
}

// after is a run in which acceptors 1 and 2 have promised ballot b and heard the votes.
func after(b proto.Ballot, value string, last ...single.Vote) (run []sim.Step) {
	run = begins(b, value)
	for i, v := range last {
		run = append(run, promises(machine.Node(i)+1, b, v)...)
	}
	return run
}

var (
	low, high = in(1, 11), in(1, 12)
	none      = single.Vote{}
)

func join(parts ...[]sim.Step) (run []sim.Step) {
	for _, p := range parts {
		run = append(run, p...)
	}
	return run
}

// judge returns what the judge of three acceptors says of a run.
func judge(run []sim.Step) error {
	s := spec.NewSynod(single.Usual())
	for i := range run {
		if err := s.Step(&run[i]); err != nil {
			return err
		}
	}
	return s.End(nil)
}

func TestTheSynodAllowsWhatPaxosDoes(t *testing.T) {
	first := join(after(low, "x", none, none), asksFor(vote(low, "x")), votes(1, vote(low, "x")))
	for name, run := range map[string][]sim.Step{
		"a value is chosen":                  join(first, votes(2, vote(low, "x")), tells("x")),
		"a vote binds":                       join(first, after(high, "y", vote(low, "x"), none), asksFor(vote(high, "x"))),
		"a quorum without the vote does not": join(first, begins(high, "y"), promises(2, high, none), promises(3, high, none), asksFor(vote(high, "y"))),
		"a vote without a promise":           join(first, votes(3, vote(low, "x")), tells("x")),
		"a vote that no sync has kept is void": join(first, restarts(at(single.Acceptor, 1)), begins(high, "y"),
			promises(1, high, none), promises(2, high, none), asksFor(vote(high, "y"))),
		"what was loaded counts": join(first, restarts(at(single.Acceptor, 1), single.Kept{Promised: low}, single.Kept{Promised: low, Voted: vote(low, "x")}),
			votes(2, vote(low, "x")), tells("x")),
		"a ballot that no sync has kept is used": join(begins(low, "x"), restarts(at(single.Proposer, 11)), begins(low, "y")),
	} {
		t.Run(name, func(t *testing.T) { require.NoError(t, judge(run)) })
	}
}

func TestTheSynodRefusesWhatNoActionAllows(t *testing.T) {
	asked := join(after(low, "x", none, none), asksFor(vote(low, "x")))
	voted := join(asked, votes(1, vote(low, "x")))
	for name, c := range map[string]struct {
		rule string
		run  []sim.Step
	}{
		"somebody else's ballot": {"1a", []sim.Step{step(at(single.Proposer, 11), machine.Recv{}, saves(single.Used{Ballot: high}))}},
		"a ballot used twice":    {"1a", join(begins(low, "x"), begins(low, "x"))},
		"a ballot used again after a restart": {"1a", join(begins(low, "x"),
			restarts(at(single.Proposer, 11), single.Used{Ballot: low}), begins(low, "x"))},
		"a ballot that is not saved":       {"1a", []sim.Step{step(at(single.Proposer, 11), machine.Recv{}, nil, single.Prepare{Ballot: low})}},
		"a ballot that is not durable":     {"1a", early(begins(low, "x"))},
		"a promise that nobody asked for":  {"1b", promises(1, low, none)},
		"a promise of a lower ballot":      {"1b", join(begins(low, "x"), begins(high, "y"), promises(1, high, none), promises(1, low, none))},
		"a promise that is not saved":      {"1b", join(begins(low, "x"), []sim.Step{step(at(single.Acceptor, 1), machine.Recv{}, nil, single.Promise{Ballot: low})})},
		"a promise that is not durable":    {"1b", join(begins(low, "x"), early(promises(1, low, none)))},
		"a vote that is not told":          {"2b", join(voted, begins(high, "y"), promises(1, high, none))},
		"a vote told wrong":                {"1b", join(voted, begins(high, "y"), lies(1, high, vote(low, "x"), none))},
		"a value without promises":         {"2a", join(begins(low, "x"), asksFor(vote(low, "x")))},
		"a value after one promise":        {"2a", join(after(low, "x", none), asksFor(vote(low, "x")))},
		"a value after one promise, twice": {"2a", join(after(low, "x", none), after(low, "x", none)[2:], asksFor(vote(low, "x")))},
		"a value that nobody proposed":     {"2a", join(after(low, "x", none, none), asksFor(vote(low, "y")))},
		"two values in a ballot":           {"2a", join(begins(high, "y"), asked, asksFor(vote(low, "y")))},
		"a value of its own, though bound": {"2a", join(voted, after(high, "y", vote(low, "x"), none), asksFor(vote(high, "y")))},
		"the value of a lower vote":        {"2a", join(lowerVote(), asksFor(vote(in(2, 11), "x")))},
		"a vote that nobody asked for":     {"2b", votes(1, vote(low, "x"))},
		"a vote for another value":         {"2b", join(asked, votes(1, vote(low, "y")))},
		"a vote below the promise":         {"2b", join(asked, begins(high, "y"), promises(1, high, none), votes(1, vote(low, "x")))},
		"a vote that is not saved":         {"2b", join(asked, []sim.Step{step(at(single.Acceptor, 1), machine.Recv{}, nil, single.Accepted(vote(low, "x")))})},
		"a vote that is not durable":       {"2b", join(asked, early(votes(1, vote(low, "x"))))},
		"a value told with one vote":       {"chosen", join(voted, tells("x"))},
		"another value told":               {"chosen", join(voted, votes(2, vote(low, "x")), tells("y"))},
		"votes of two ballots added up":    {"chosen", join(lowerVote(), tells("x"))},
		"a vote of a lost record added up": {"chosen", join(voted, restarts(at(single.Acceptor, 1)), votes(2, vote(low, "x")), tells("x"))},
		"an answer that is not chosen":     {"chosen", join(voted, []sim.Step{{Addr: at(single.Learner, 21), Out: &machine.Out{Reply: []machine.Answer{{Data: single.Chosen{Value: "x"}}}}}})},
		"a disk that was emptied": {"1b", join(begins(low, "x"), promises(1, low, none), restarts(at(single.Acceptor, 1), single.Kept{Promised: low}),
			restarts(at(single.Acceptor, 1)), promises(1, low, none))},
		"a vote of before, with no promise": {"1b", join(voted, []sim.Step{step(at(single.Acceptor, 1), machine.Recv{}, saves(single.Kept{Promised: low, Voted: vote(low, "x")}))})},
	} {
		t.Run(name, func(t *testing.T) {
			err := judge(c.run)
			require.Error(t, err)
			var named interface{ Rule() string }
			require.ErrorAs(t, err, &named)
			require.Equal(t, c.rule, named.Rule(), err)
		})
	}
}

// lies are the steps of an acceptor that saves its vote and promises another.
func lies(a machine.Node, b proto.Ballot, voted, told single.Vote) []sim.Step {
	run := promises(a, b, voted)
	run[0].Out.Send[0].Msg = single.Promise{Ballot: b, Last: told}
	return run
}

// lowerVote is a run in which acceptor 1 has voted for x, then 3 for y, each in a ballot that
// failed, and a third ballot has heard of both.
func lowerVote() []sim.Step {
	third := in(2, 11)
	return join(
		after(low, "x", none, none), asksFor(vote(low, "x")), votes(1, vote(low, "x")),
		begins(high, "y"), promises(2, high, none), promises(3, high, none), asksFor(vote(high, "y")), votes(3, vote(high, "y")),
		begins(third, "z"), promises(1, third, vote(low, "x")), promises(3, third, vote(high, "y")),
	)
}

func TestTheSynodRefusesTwoChosenValues(t *testing.T) {
	c := single.Usual()
	c.Acceptors, c.Quorum1 = append(c.Acceptors, 4), 1 // quorums that need not meet, which no machine takes
	c.Quorum2 = 2
	s := spec.NewSynod(c)
	run := join(
		begins(low, "x"), promises(1, low, none), asksFor(vote(low, "x")), votes(1, vote(low, "x")), votes(2, vote(low, "x")), tells("x"),
		begins(high, "y"), promises(3, high, none), asksFor(vote(high, "y")), votes(3, vote(high, "y")), votes(4, vote(high, "y")),
	)
	last := len(run) - 1
	for i := range run[:last] {
		require.NoError(t, s.Step(&run[i]))
	}
	require.ErrorContains(t, s.Step(&run[last]), "a second value chosen")
}
