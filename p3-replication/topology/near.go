package topology

import (
	"math"

	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// Near lets a server choose its partners by what the probe of its node measures. What is measured
// comes to the server as a message like all others, so that its choices are replayed with it:
//
//	near := topology.NewNear("probe", topology.Spatial{A: 2})
//	server, err := bayou.New(self, bayou.Config{Partner: near.Partner, …})
//	near.Server = server // near runs in its place, with WithSights of its Protocol
//
// and the probe's Config.Tell is the server's role. A Near belongs to one server.
type Near struct {
	Server machine.Machine // is stepped with everything but Sights

	probe    string
	spatial  Spatial
	sight    proto.Sight
	distance map[machine.Node]machine.Time // of those that are up
}

// NewNear returns a Near that believes the probe of this role.
func NewNear(probe string, s Spatial) *Near { return &Near{probe: probe, spatial: s} }

// Sight returns what the probe has told last; nothing, before it has. It must not be changed.
func (n *Near) Sight() proto.Sight { return n.sight }

// Partner chooses one of the peers: for bayou.Config. Those that are not known to be up count as
// farther than all others, and are tried too: they may be up after all.
func (n *Near) Partner(rand uint64, peers []machine.Node) machine.Node {
	distance := make([]machine.Time, len(peers))
	for i, p := range peers {
		d, up := n.distance[p]
		if distance[i] = d; !up {
			distance[i] = math.MaxInt64
		}
	}
	return n.spatial.Choose(rand, peers, distance)
}

// Step implements machine.Machine.
func (n *Near) Step(in machine.In, out *machine.Out) {
	if e, ok := in.Event.(machine.Recv); ok {
		if sight, ok := e.Msg.(proto.Sight); ok {
			n.see(e.From, sight)
			return
		}
	}
	n.Server.Step(in, out)
}

// Stop implements machine.Stopper.
func (n *Near) Stop() {
	if s, ok := n.Server.(machine.Stopper); ok {
		s.Stop()
	}
}

func (n *Near) see(from machine.Addr, sight proto.Sight) {
	if from.Role != n.probe || from.Node != sight.Self.Node {
		return
	}
	n.sight = sight
	n.distance = map[machine.Node]machine.Time{}
	for _, p := range sight.Peers {
		if p.Up {
			n.distance[p.Node] = p.RTT
		}
	}
}

// WithSights returns a protocol that takes Sights besides its own messages. Its New makes the machines
// of p: that a Near stands before them is up to the caller.
func WithSights(p machine.Protocol) *machine.Protocol {
	own := p.Message
	p.Message = func(b []byte) (machine.Data, error) {
		if proto.IsSight(b) {
			return proto.DecodeSight(b)
		}
		if own == nil {
			return nil, machine.ErrNoDecoder
		}
		return own(b)
	}
	return &p
}
