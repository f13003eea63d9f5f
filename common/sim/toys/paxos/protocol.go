package paxos

import (
	"fmt"
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// The roles, as they stand in addresses.
const (
	Acceptor = "acceptor"
	Proposer = "proposer"
	Learner  = "learner"
)

// Config tells every machine who takes part.
type Config struct {
	Acceptors []machine.Node // at most MaxNodes of each role
	Proposers []machine.Node
	Learners  []machine.Node
	Bug       Bug // the mistake to make; empty for none
}

// MaxNodes bounds the nodes of one role.
const MaxNodes = 64

// Bug names one planted mistake.
type Bug string

// The mistakes. Those that say so need a crash, or more ballots than two, to do
// harm.
const (
	PromiseNotSaved        Bug = "promise-not-saved"         // crash
	VoteForgottenAtRestart Bug = "vote-forgotten-at-restart" // crash
	SentBeforeSaved        Bug = "sent-before-saved"         // crash
	BallotReused           Bug = "ballot-reused"             // crash
	BallotResumed          Bug = "ballot-resumed"            // crash: goes on in a ballot whose value it forgot
	PromiseLowered         Bug = "promise-lowered"           // promises to lower ballots too
	VoteNotReported        Bug = "vote-not-reported"         // promises omit the last vote
	VoteBelowPromise       Bug = "vote-below-promise"        // votes in any ballot
	VoteWithoutPromise     Bug = "vote-without-promise"      // a vote does not bind like a promise: three ballots
	OwnValue               Bug = "own-value"                 // proposes its own whatever was reported
	LowestBallot           Bug = "lowest-ballot"             // proposes the lowest vote: three ballots
	FirstReported          Bug = "first-reported"            // proposes the first vote: three ballots
	HalfIsEnough           Bug = "half-is-enough"            // n/2 make a quorum
	DuplicateCounted       Bug = "duplicate-counted"         // one acceptor's promise counts twice
	EarlierPromises        Bug = "earlier-promises-counted"  // those of an earlier ballot of its own
	TwoValues              Bug = "two-values-in-one-ballot"  // asks for votes again at each further promise
	BallotsMixed           Bug = "learner-mixes-ballots"     // equal values make a majority, whatever the ballot
)

// quorum returns how many acceptors make a majority.
func (c *Config) quorum() int {
	if c.Bug == HalfIsEnough {
		return len(c.Acceptors) / 2
	}
	return len(c.Acceptors)/2 + 1
}

// Bytes returns the encoding that the protocols' New takes.
func (c *Config) Bytes() []byte {
	b := cbor.AppendArray(nil, 4)
	for _, nodes := range [][]machine.Node{c.Acceptors, c.Proposers, c.Learners} {
		b = cbor.AppendArray(b, len(nodes))
		for _, n := range nodes {
			b = cbor.AppendUint(b, uint64(n))
		}
	}
	return cbor.AppendText(b, string(c.Bug))
}

func decodeConfig(b []byte) (Config, error) {
	r := cbor.NewReader(b)
	r.Fixed(4)
	c := Config{Acceptors: readNodes(&r), Proposers: readNodes(&r), Learners: readNodes(&r)}
	c.Bug = Bug(r.Text())
	return c, r.Close()
}

func readNodes(r *cbor.Reader) []machine.Node {
	n := r.Array()
	if n > MaxNodes {
		r.Fail("%d nodes of one role", n)
		return nil
	}
	nodes := make([]machine.Node, n)
	for i := range nodes {
		nodes[i] = machine.Node(r.Uint())
	}
	return nodes
}

// Protocol returns what a world must know of a role, or nil for an unknown one.
func Protocol(role string) *machine.Protocol {
	p := &machine.Protocol{Name: "toy paxos " + role}
	switch role {
	case Acceptor:
		p.New = build(func(_ machine.Addr, c Config) (machine.Machine, error) { return &acceptor{cfg: c}, nil })
		p.Message = only(kindPrepare, kindAccept)
		p.Record = only(kindPromised, kindVoted)
	case Proposer:
		p.New = build(newProposer)
		p.Message, p.Record, p.Command = only(kindPromise), only(kindUsed), only(kindPropose)
	case Learner:
		p.New = build(func(_ machine.Addr, c Config) (machine.Machine, error) {
			return &learner{cfg: c, votes: make([]Vote, len(c.Acceptors))}, nil
		})
		p.Message, p.Command, p.Answer = only(kindAccepted), only(kindLearn), only(kindChosen)
	default:
		return nil
	}
	return p
}

func newProposer(self machine.Addr, c Config) (machine.Machine, error) {
	i := slices.Index(c.Proposers, self.Node)
	if i < 0 {
		return nil, fmt.Errorf("node %d is no proposer", self.Node)
	}
	return &proposer{cfg: c, turn: uint64(i) + 1}, nil
}

func build(fn func(machine.Addr, Config) (machine.Machine, error)) func(machine.Addr, []byte) (machine.Machine, error) {
	return func(self machine.Addr, config []byte) (machine.Machine, error) {
		c, err := decodeConfig(config)
		if err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		return fn(self, c)
	}
}

func only(kinds ...uint64) func([]byte) (machine.Data, error) {
	return func(b []byte) (machine.Data, error) { return decode(b, kinds...) }
}

// Choices returns the values that a majority of n acceptors voted for in one
// ballot, sorted and each once. votes holds one entry for each acceptor's saved
// vote. Two choices break agreement.
func Choices(n int, votes map[machine.Node][]Vote) []string {
	count := make(map[Vote]int)
	var chosen []string
	for _, of := range votes { //house:unordered votes are counted, and the result is sorted
		for _, v := range of {
			if count[v]++; count[v] == n/2+1 && !slices.Contains(chosen, v.Value) {
				chosen = append(chosen, v.Value)
			}
		}
	}
	slices.Sort(chosen)
	return chosen
}
