package snapshot

import (
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// Gone are the voters that have left the group for good, as they went: what was executed for
// them is forgotten, so that none may come back under its old name. They are part of the
// replicated state.
type Gone []proto.Voter

// MaxGone is how many are remembered; then the oldest is forgotten. Its messages would have
// to be under way for as many changes of the group to do harm.
const MaxGone = 1024

// Add remembers a voter that is not among them.
func (g *Gone) Add(v proto.Voter) {
	if len(*g) >= MaxGone {
		*g = slices.Clone((*g)[len(*g)-MaxGone+1:])
	}
	*g = append(*g, v)
}

// Has tells whether a voter is remembered.
func (g Gone) Has(v proto.Voter) bool { return slices.Contains(g, v) }

func (g Gone) appendTo(b []byte) []byte {
	b = cbor.AppendArray(b, len(g))
	for _, v := range g {
		b = proto.AppendNumbers(cbor.AppendArray(b, 2), uint64(v.Node), v.Disk)
	}
	return b
}

func readGone(r *proto.Reader) Gone {
	all := proto.List(r, func() proto.Voter {
		r.Fixed(2)
		return proto.Voter{Node: machine.Node(r.Uint()), Disk: r.Uint()}
	})
	if len(all) > MaxGone {
		r.Fail("%d names that have left: at most %d", len(all), MaxGone)
	}
	return all
}
