package probe

import (
	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// Probe is the machine.
type Probe struct {
	self  machine.Addr
	cfg   Config
	peers []peer // in order of nodes
	life  uint64 // of this process: its clock is another than that of the one before

	chosen machine.Node // 0: none
	beaten int          // rounds in a row in which some server was nearer by the margin

	now  machine.Time
	rand machine.Dice
}

// New returns a Probe. The error wraps ErrConfig.
func New(self machine.Addr, c Config) (*Probe, error) {
	c = c.complete()
	if err := c.check(self.Node); err != nil {
		return nil, err
	}
	p := &Probe{self: self, cfg: c}
	for _, place := range c.Peers {
		p.peers = append(p.peers, peer{Place: place, fixed: true})
	}
	return p, nil
}

// Step implements machine.Machine.
func (p *Probe) Step(in machine.In, out *machine.Out) {
	p.now, p.rand = in.Now, machine.Dice(in.Rand)
	switch e := in.Event.(type) {
	case machine.Ready:
		p.life = p.rand.Roll()
		p.round(out)
	case machine.Recv:
		p.receive(e.From, e.Msg, out)
	case machine.Ask:
		if _, look := e.Cmd.(proto.Look); look {
			out.Answer(e.ID, p.sight())
		}
	case machine.Link:
		if q := p.peer(e.Peer); q != nil && e.Up {
			p.ping(q, out)
		}
	}
}

func (p *Probe) receive(from machine.Addr, msg machine.Data, out *machine.Out) {
	if from == p.self {
		if _, due := msg.(proto.Probing); due {
			p.round(out)
		}
		return
	}
	if from.Role != p.self.Role || from.Node == p.self.Node {
		return
	}
	switch m := msg.(type) {
	case proto.Ping:
		p.introduced(from.Node, m.From)
		out.SendTo(from, proto.Pong{Sent: m.Sent, Life: m.Life, From: p.place(), Known: p.named(from.Node)})
	case proto.Pong:
		p.introduced(from.Node, m.From)
		p.answered(from.Node, m)
		for _, place := range m.Known {
			p.heardOf(place)
		}
	}
}

// round counts the pings that nobody has answered, sends the next, and tells what is known.
func (p *Probe) round(out *machine.Out) {
	out.Timer(p.self, p.cfg.Every, proto.Probing{})
	p.forget()
	for i := range p.peers {
		q := &p.peers[i]
		q.missed = min(q.missed+1, maxRounds+1)
		if q.missed > p.cfg.Misses {
			q.up = false
		}
		p.ping(q, out)
	}
	p.choose()
	if p.cfg.Tell != "" {
		out.SendTo(machine.Addr{Node: p.self.Node, Role: p.cfg.Tell}, p.sight())
	}
}

func (p *Probe) ping(q *peer, out *machine.Out) {
	out.SendTo(machine.Addr{Node: q.Node, Role: p.self.Role}, proto.Ping{Sent: p.now, Life: p.life, From: p.place()})
}

func (p *Probe) place() proto.Place {
	return proto.Place{Node: p.self.Node, Addr: p.cfg.Addr, Zone: p.cfg.Zone}
}

func (p *Probe) sight() proto.Sight {
	s := proto.Sight{Self: p.place(), Chosen: p.chosen}
	for _, q := range p.peers {
		s.Peers = append(s.Peers, proto.Seen{Place: q.Place, Up: q.up, RTT: q.rtt})
	}
	return s
}
