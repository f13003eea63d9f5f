package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/cmd/sim/worlds"
	"dss.example/p4-consensus/paxos/proto"
)

// liar is a replica with something between it and the world that changes what it says.
type liar struct {
	machine.Machine
	self machine.Addr
	tell func(self machine.Addr, in machine.In, out *machine.Out)
}

// Step implements machine.Machine.
func (m liar) Step(in machine.In, out *machine.Out) {
	m.Machine.Step(in, out)
	m.tell(m.self, in, out)
}

// lies is the first world with replicas that lie.
func lies(tell func(machine.Addr, machine.In, *machine.Out)) *sim.Config {
	cfg := worlds.Usual().World()
	p := liars(worlds.Language().Protocol(), tell)
	for i := range cfg.Nodes {
		if r := &cfg.Nodes[i].Roles[0]; r.Name == worlds.Role {
			r.Protocol = p
		}
	}
	return cfg
}

// liars is a protocol whose machines lie.
func liars(honest *machine.Protocol, tell func(machine.Addr, machine.In, *machine.Out)) *machine.Protocol {
	p := *honest
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := honest.New(self, config)
		return liar{m, self, tell}, err
	}
	return &p
}

// forget drops the records of a kind.
func forget[R machine.Data](out *machine.Out) {
	kept := out.Save[:0]
	for _, r := range out.Save {
		if _, is := r.(R); !is {
			kept = append(kept, r)
		}
	}
	out.Save = kept
}

// say changes the messages of a kind.
func say[M machine.Data](out *machine.Out, change func(e *machine.Envelope, m M) machine.Data) {
	for i := range out.Send {
		if m, is := out.Send[i].Msg.(M); is {
			out.Send[i].Msg = change(&out.Send[i], m)
		}
	}
}

// shrinking bounds the replays of one shrinking, as the command does.
const shrinking = 3000

// It shows of each rule that the specification can refuse, and says which one is broken. What a
// lie looks like from inside is the mutants' business.
func TestARuleThatIsBrokenIsNamedAndShownInFewActions(t *testing.T) {
	var lengths []int
	for name, c := range map[string]struct {
		rule string
		tell func(self machine.Addr, in machine.In, out *machine.Out)
	}{
		"promises are not saved": {"saved first", func(_ machine.Addr, _ machine.In, out *machine.Out) { forget[proto.Promised](out) }},
		"votes are not saved":    {"saved first", func(_ machine.Addr, _ machine.In, out *machine.Out) { forget[proto.Voted](out) }},
		"votes are told of before they are durable": {"saved first", func(_ machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(e *machine.Envelope, m proto.Accepted) machine.Data { e.Early = true; return m })
		}},
		"promises tell of no vote": {"A3", func(_ machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(_ *machine.Envelope, m proto.Promise) machine.Data { m.Votes = nil; return m })
		}},
		"a promise is of the ballot before": {"A1", func(_ machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(_ *machine.Envelope, m proto.Promise) machine.Data { m.Ballot.Round--; return m })
		}},
		"a leader asks each for another value": {"C1", func(_ machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(e *machine.Envelope, m proto.Accept) machine.Data {
				m.Value.Time += machine.Time(e.To.Node)
				return m
			})
		}},
		"a ballot is another node's": {"ballot", func(self machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(_ *machine.Envelope, m proto.Prepare) machine.Data { m.Ballot.Node = self.Node%3 + 1; return m })
		}},
		"a beat tells of one slot too many": {"R2", func(_ machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(_ *machine.Envelope, m proto.Beat) machine.Data { m.Commit++; return m })
		}},
		"a read is told the slot before": {"read", func(_ machine.Addr, _ machine.In, out *machine.Out) {
			say(out, func(_ *machine.Envelope, m proto.ReadAt) machine.Data { m.Slot -= min(m.Slot, 1); return m })
		}},
		"answers are swapped": {"R3", func(_ machine.Addr, _ machine.In, out *machine.Out) {
			if n := len(out.Reply); n > 1 {
				out.Reply[0].Data, out.Reply[n-1].Data = out.Reply[n-1].Data, out.Reply[0].Data
			}
		}},
		"a vote is not cast": {"A2", func(_ machine.Addr, in machine.In, out *machine.Out) {
			if _, asked := in.Event.(machine.Recv); asked {
				say(out, func(e *machine.Envelope, m proto.Accepted) machine.Data { e.To.Role = "nobody"; return proto.Want{} })
			}
		}},
		"a snapshot is of another state": {"R3", func(_ machine.Addr, _ machine.In, out *machine.Out) {
			for i := range out.Save {
				if p, is := out.Save[i].(proto.Piece); is && p.Last {
					p.Slot--
					out.Save[i] = p
				}
			}
		}},
		"a disk has a new name in each message": {"damage", func(_ machine.Addr, in machine.In, out *machine.Out) {
			say(out, func(_ *machine.Envelope, m proto.Echo) machine.Data { m.Disk++; return m })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := lies(c.tell)
			sum := sim.Many(t.Context(), cfg, 1, 200, nil)
			require.NotNil(t, sum.Failed)
			require.Equal(t, "spec "+c.rule, sum.Failed.Rule, "%v", sum.Failed)
			small := sim.Shrink(cfg, sum.Seed, shrinking)
			require.NotNil(t, small, "its actions fail by themselves")
			lengths = append(lengths, len(small.Actions))
			t.Logf("seed %d: %d actions of %d, %d replays", sum.Seed, len(small.Actions), small.Before, small.Runs)
		})
	}
	slices.Sort(lengths)
	require.LessOrEqual(t, lengths[len(lengths)/2], 40, "the median of %v is a run for people", lengths)
}
