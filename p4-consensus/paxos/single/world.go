package single

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/sim"
	"dss.example/common/sim/explore"

	"dss.example/p4-consensus/paxos/proto"
)

// Usual is the Config of most worlds below: three acceptors, two proposers, and two learners,
// all on nodes of their own.
func Usual() Config {
	return Config{Acceptors: []machine.Node{1, 2, 3}, Proposers: []machine.Node{11, 12}, Learners: []machine.Node{21, 22}}
}

// Few is Usual with one learner: what an exhaustive search can take with a crash.
func Few() Config {
	c := Usual()
	c.Learners = c.Learners[:1]
	return c
}

// Roles are the protocols by role, for the judge's pipe and for replays.
func Roles() map[string]*machine.Protocol {
	all := map[string]*machine.Protocol{}
	for _, role := range []string{Acceptor, Proposer, Learner} {
		all[role] = Protocol(role)
	}
	return all
}

// places are the addresses of a Config, each role on nodes of its own.
func places(c Config) (all []explore.Place) {
	config := c.AppendTo(nil)
	for _, role := range []string{Acceptor, Proposer, Learner} {
		for _, n := range c.of(role) {
			all = append(all, explore.Place{Addr: machine.Addr{Node: n, Role: role}, Protocol: Protocol(role), Config: config})
		}
	}
	return all
}

// World describes the machines of a Config to the simulator, under all faults, with a caller
// at each proposer that proposes values of its own, and one at each learner. Every other
// caller is impatient. judges makes the judges of one run.
func World(c Config, judges func() []sim.Judge) *sim.Config {
	cfg := &sim.Config{Judges: judges, Faults: sim.AllFaults()}
	cfg.Faults.Drop, cfg.Faults.Delay = 0.4, 0.2                          // so that ballots fail,
	cfg.Faults.Crash, cfg.Faults.Cut, cfg.Faults.Pause = 0.05, 0.05, 0.03 // for a decision takes few steps
	for i, p := range places(c) {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: p.Addr.Node, Roles: []sim.Role{
			{Name: p.Addr.Role, Protocol: p.Protocol, Config: p.Config, Remote: true},
		}})
		caller := sim.Client{At: p.Addr, Next: next(p.Addr), Think: 300 * machine.Millisecond}
		if i%2 == 0 {
			caller.Patience = machine.Second
		}
		if p.Protocol.Command != nil {
			cfg.Clients = append(cfg.Clients, caller)
		}
	}
	return cfg
}

// next makes the commands of the caller at an address.
func next(at machine.Addr) func(int, *rand.Rand) machine.Data {
	return func(k int, r *rand.Rand) machine.Data {
		if at.Role == Proposer {
			return Propose{fmt.Sprintf("%d.%d.%x", at.Node, k, r.Uint32())}
		}
		return Learn{}
	}
}

// Script is the world of golden scripts: the machines of a Config, driven by hand. Commands are
// "propose VALUE" and "learn".
func Script(c Config) script.World {
	return script.World{Config: World(c, nil), Command: func(_ string, words []string) (machine.Data, error) {
		switch {
		case len(words) == 2 && words[0] == "propose":
			return Propose{words[1]}, nil
		case len(words) == 1 && words[0] == "learn":
			return Learn{}, nil
		}
		return nil, fmt.Errorf("%w: %q: want propose VALUE, or learn", script.ErrScript, words)
	}}
}

// Small is the world of the exhaustive search: each proposer is asked once, so that it has one
// ballot in each run, unless timers fire.
func Small(c Config) explore.Config {
	small := explore.Config{Places: places(c), Invariant: func(w explore.World) error { return invariant(&c, w) }}
	for i, p := range c.Proposers {
		small.Asks = append(small.Asks, explore.Ask{
			To: machine.Addr{Node: p, Role: Proposer}, Cmd: Propose{string(rune('a' + i))},
		})
	}
	return small
}

// Explore tries every run of a small world, and then every run in which one node, whichever,
// crashes and restarts besides, which takes about seven seconds. It prints how many worlds there are. Its
// error is a violation with the shortest way there, or that ctx has ended the search.
func Explore(ctx context.Context, out io.Writer, progress func(string)) error {
	for crashes, title := range []string{"", ", a crash anywhere"} {
		small := Small(Few())
		small.Crashes = crashes
		small.Progress = func(p explore.Progress) bool {
			progress(fmt.Sprintf("%d worlds, depth %d", p.Worlds, p.Depth))
			return ctx.Err() == nil
		}
		result, err := explore.Search(small)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "single-decree Paxos, 3 acceptors, 2 proposers, one ballot each%s: %d worlds, %d steps of machines, depth %d\n", title,
			result.Worlds, result.Steps, result.Depth)
		if err := result.Err(); err != nil {
			return err
		}
	}
	return nil
}

var (
	errAgreement = errors.New("two values are chosen")
	errTwoValues = errors.New("two values in one ballot")
	errUnchosen  = errors.New("told to be chosen, and is not")
)

// invariant says what is wrong with a world: agreement, one value for each ballot (on which
// it rests), and that nothing is told to be chosen that is not.
func invariant(c *Config, w explore.World) error {
	value, err := chosen(c, w)
	if err != nil {
		return err
	}
	asked := map[proto.Ballot]string{}
	for m := range w.Sent() {
		switch m := m.Msg.(type) {
		case Accept:
			if v, again := asked[m.Ballot]; again && v != m.Value {
				return fmt.Errorf("%w: %q and %q in %v", errTwoValues, v, m.Value, m.Ballot)
			}
			asked[m.Ballot] = m.Value
		case Chosen:
			if value == nil || *value != m.Value {
				return fmt.Errorf("%q is %w", m.Value, errUnchosen)
			}
		}
	}
	for a := range w.Answers() {
		if m, ok := a.Data.(Chosen); ok && (value == nil || *value != m.Value) {
			return fmt.Errorf("%q is %w", m.Value, errUnchosen)
		}
	}
	return nil
}

// chosen returns the value for which a quorum has saved votes in one ballot, or nil.
func chosen(c *Config, w explore.World) (value *string, err error) {
	_, quorum := c.Quorums()
	votes := map[Vote]int{}
	for _, n := range c.Acceptors {
		for v := range voted(w, n) {
			if votes[v]++; votes[v] != quorum {
				continue
			}
			if value != nil && *value != v.Value {
				return nil, fmt.Errorf("%w: %q and %q", errAgreement, *value, v.Value)
			}
			value = &v.Value
		}
	}
	return value, nil
}

// voted returns all that an acceptor has ever voted for.
func voted(w explore.World, n machine.Node) map[Vote]bool {
	votes := map[Vote]bool{}
	for r := range w.Saved(machine.Addr{Node: n, Role: Acceptor}) {
		if k := r.(Kept); !k.Voted.Ballot.IsZero() {
			votes[k.Voted] = true
		}
	}
	return votes
}
