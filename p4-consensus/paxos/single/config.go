package single

import (
	"errors"
	"fmt"
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// The roles, as they stand in addresses. A node may have several.
const (
	Acceptor = "acceptor"
	Proposer = "proposer"
	Learner  = "learner"
)

// Config is what every machine is told. It must be the same for all.
type Config struct {
	Acceptors []machine.Node // each role: at most MaxNodes, in order, none twice; acceptors: at least one
	Proposers []machine.Node
	Learners  []machine.Node

	// Told is how many of the Learners, from the first, acceptors tell of their votes. These
	// tell the other learners, and proposers. 0: all; 1: one distinguished learner.
	Told int

	// Acceptors that make a quorum in phase 1 and in phase 2, together more than there are.
	// 0 is a majority.
	Quorum1, Quorum2 int

	// Timeout is what a ballot is given at least before the next is begun; each one that
	// fails doubles it, up to 16 times. A learner asks again as patiently. Default 100 ms.
	Timeout machine.Time
}

// Bounds that no Config changes.
const (
	MaxNodes   = 64 // of one role
	MaxWaiting = 64 // commands that wait at one machine; one more is refused as Busy

	maxTimeout = 3600 * machine.Second
	doublings  = 4
)

// ErrConfig is what every refusal of a Config wraps.
var ErrConfig = errors.New("single: bad configuration")

// AppendTo appends the encoding that the protocols' New takes.
func (c Config) AppendTo(b []byte) []byte {
	for _, nodes := range [][]machine.Node{c.Acceptors, c.Proposers, c.Learners} {
		b = cbor.AppendArray(b, len(nodes))
		for _, n := range nodes {
			b = cbor.AppendUint(b, uint64(n))
		}
	}
	return proto.AppendNumbers(b, uint64(c.Told), uint64(c.Quorum1), uint64(c.Quorum2), uint64(c.Timeout))
}

// DecodeConfig is AppendTo backwards. The Config is checked, and complete: what was 0 has its
// default. Errors wrap ErrConfig or cbor.ErrMalformed.
func DecodeConfig(b []byte) (Config, error) {
	r := proto.NewReader(b)
	var c Config
	for _, nodes := range []*[]machine.Node{&c.Acceptors, &c.Proposers, &c.Learners} {
		*nodes = proto.List(&r, func() machine.Node { return machine.Node(r.Uint()) })
	}
	c.Told, c.Quorum1, c.Quorum2, c.Timeout = r.Size(), r.Size(), r.Size(), r.Time()
	if err := r.Close(); err != nil {
		return c, err
	}
	c = c.complete()
	return c, c.Check()
}

// complete puts defaults in the place of zeros.
func (c Config) complete() Config {
	q1, q2 := c.Quorums()
	c.Quorum1, c.Quorum2 = q1, q2
	if c.Told == 0 {
		c.Told = len(c.Learners)
	}
	if c.Timeout == 0 {
		c.Timeout = 100 * machine.Millisecond
	}
	return c
}

// Quorums returns how many acceptors make a quorum in phase 1 and in phase 2.
func (c *Config) Quorums() (first, second int) {
	majority := len(c.Acceptors)/2 + 1
	first, second = c.Quorum1, c.Quorum2
	if first == 0 {
		first = majority
	}
	if second == 0 {
		second = majority
	}
	return first, second
}

// Check tells what is wrong with c.
func (c *Config) Check() error {
	for _, nodes := range [][]machine.Node{c.Acceptors, c.Proposers, c.Learners} {
		if err := checkNodes(nodes); err != nil {
			return err
		}
	}
	n := len(c.Acceptors)
	q1, q2 := c.Quorums()
	switch {
	case n == 0:
		return fmt.Errorf("%w: no acceptors", ErrConfig)
	case q1 < 1 || q1 > n || q2 < 1 || q2 > n:
		return fmt.Errorf("%w: quorums of %d and %d: want 1 to %d", ErrConfig, q1, q2, n)
	case q1+q2 <= n:
		return fmt.Errorf("%w: quorums of %d and %d need not meet: want more than %d together", ErrConfig, q1, q2, n)
	case c.Told < 0 || c.Told > len(c.Learners):
		return fmt.Errorf("%w: acceptors tell %d learners: want 0 to %d", ErrConfig, c.Told, len(c.Learners))
	case c.Timeout < 0 || c.Timeout > maxTimeout:
		return fmt.Errorf("%w: timeout of %d ns: want 0 to %d", ErrConfig, c.Timeout, maxTimeout)
	}
	return nil
}

func checkNodes(nodes []machine.Node) error {
	if len(nodes) > MaxNodes {
		return fmt.Errorf("%w: %d nodes of one role: at most %d", ErrConfig, len(nodes), MaxNodes)
	}
	for i, n := range nodes {
		if n == 0 || i > 0 && n <= nodes[i-1] {
			return fmt.Errorf("%w: node %d: want numbers from 1 on, in order, none twice", ErrConfig, n)
		}
	}
	return nil
}

// Protocol returns what a world must know of a role, or nil for an unknown one. Its
// configuration is an encoded Config, which must name the machine's node under that role.
func Protocol(role string) *machine.Protocol {
	p := &machine.Protocol{Name: "single-decree Paxos, " + role, New: maker(role)}
	switch role {
	case Acceptor:
		p.Message, p.Record = only(kindPrepare, kindAccept, kindInquire), only(kindKept)
	case Proposer:
		p.Message, p.Record = only(kindPromise, kindNack, kindInquire, kindChosen, kindRetry), only(kindUsed)
		p.Command, p.Answer = only(kindPropose), only(kindChosen, kindRefused)
	case Learner:
		p.Message = only(kindAccepted, kindInquire, kindChosen, kindAgain)
		p.Command, p.Answer = only(kindLearn), only(kindChosen, kindRefused)
	default:
		return nil
	}
	return p
}

func maker(role string) func(machine.Addr, []byte) (machine.Machine, error) {
	return func(self machine.Addr, config []byte) (machine.Machine, error) {
		c, err := DecodeConfig(config)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(c.of(role), self.Node) {
			return nil, fmt.Errorf("%w: node %d is none of the %ss %d", ErrConfig, self.Node, role, c.of(role))
		}
		switch role {
		case Acceptor:
			return &acceptor{cfg: c}, nil
		case Proposer:
			return &proposer{self: self, cfg: c}, nil
		}
		return &learner{self: self, cfg: c, votes: make([]Vote, len(c.Acceptors))}, nil
	}
}

// of returns the nodes of a role.
func (c *Config) of(role string) []machine.Node {
	switch role {
	case Acceptor:
		return c.Acceptors
	case Proposer:
		return c.Proposers
	}
	return c.Learners
}

// is tells whether an address is of a role: nobody else is believed.
func (c *Config) is(role string, a machine.Addr) bool {
	return a.Role == role && slices.Contains(c.of(role), a.Node)
}

// told returns the learners that acceptors tell.
func (c *Config) told() []machine.Node { return c.Learners[:c.Told] }

// patience is how long to wait when so many tries have failed, and as much again at most, so
// that two who wait do not begin at once (PMS 2.4).
func (c *Config) patience(tries int, rand uint64) machine.Time {
	d := c.Timeout << min(tries, doublings)
	return d + machine.Time(rand%uint64(d+1))
}

// tell sends a message to nodes in a role.
func tell(out *machine.Out, role string, nodes []machine.Node, msg machine.Data) {
	for _, n := range nodes {
		out.SendTo(machine.Addr{Node: n, Role: role}, msg)
	}
}
