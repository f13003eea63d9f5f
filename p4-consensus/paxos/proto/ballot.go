package proto

import (
	"fmt"

	"dss.example/common/machine"
)

// Ballot numbers an attempt to lead. Ballots are ordered by round, then by node, so
// that no two nodes ever share one (Paxos Made Moderately Complex, section 2.2). The
// zero Ballot is below all others and belongs to nobody.
type Ballot struct {
	Round uint64 // at most MaxRound
	Node  machine.Node
}

// MaxRound bounds a round, so that no message can make a node count past the end.
const MaxRound = 1 << 48

// Less tells whether b is below c.
func (b Ballot) Less(c Ballot) bool {
	return b.Round < c.Round || b.Round == c.Round && b.Node < c.Node
}

// IsZero tells whether b is nobody's.
func (b Ballot) IsZero() bool { return b == Ballot{} }

// String writes a ballot as round.node.
func (b Ballot) String() string { return fmt.Sprintf("%d.%d", b.Round, b.Node) }

// Above returns the lowest ballot of a node that is above b.
func (b Ballot) Above(node machine.Node) Ballot { return Ballot{Round: b.Round + 1, Node: node} }
