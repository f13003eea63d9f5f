package probe

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// peer is another server.
type peer struct {
	proto.Place
	fixed  bool         // it is in the Config
	up     bool         // it has answered, and not missed too many pings since
	missed int          // rounds since its last answer
	rtt    machine.Time // smoothed; 0: it never answered
	sent   machine.Time // the latest ping that it has answered: each counts once, and only forward
	heard  machine.Time // when it answered last, or was heard of first
}

// peer returns one, until the next is taken in or forgotten.
func (p *Probe) peer(node machine.Node) *peer {
	if at, ok := p.find(node); ok {
		return &p.peers[at]
	}
	return nil
}

func (p *Probe) find(node machine.Node) (at int, ok bool) {
	return slices.BinarySearchFunc(p.peers, node, func(q peer, n machine.Node) int {
		switch {
		case q.Node < n:
			return -1
		case q.Node > n:
			return 1
		}
		return 0
	})
}

// introduced takes what a server says of itself: it knows best.
func (p *Probe) introduced(from machine.Node, place proto.Place) {
	if place.Node != from {
		return
	}
	p.heardOf(place)
	if q := p.peer(from); q != nil {
		q.Place = place
	}
}

// heardOf takes in a server that is not known, if there is room.
func (p *Probe) heardOf(place proto.Place) {
	at, known := p.find(place.Node)
	if known || place.Node == p.self.Node || len(p.peers) >= proto.MaxPlaces-1 {
		return
	}
	p.peers = slices.Insert(p.peers, at, peer{Place: place, heard: p.now})
}

// answered takes the time of a round trip.
func (p *Probe) answered(from machine.Node, m proto.Pong) {
	q := p.peer(from)
	if q == nil || m.Life != p.life || m.Sent > p.now || q.rtt > 0 && m.Sent <= q.sent {
		return
	}
	q.sent, q.heard = m.Sent, p.now
	q.missed, q.up = 0, true
	q.rtt = smooth(q.rtt, p.now-m.Sent)
}

// smooth moves a round-trip time towards a new measurement.
func smooth(rtt, measured machine.Time) machine.Time {
	measured = min(max(measured, 1), proto.MaxRTT)
	if rtt == 0 {
		return measured
	}
	measured = min(measured, 4*rtt+8) // + 8: or the smallest could not grow
	return min(max(rtt+(measured-rtt)/8, 1), proto.MaxRTT)
}

// forget drops those that were only heard of, and have been silent for long.
func (p *Probe) forget() {
	p.peers = slices.DeleteFunc(p.peers, func(q peer) bool { return !q.fixed && p.now-q.heard > p.cfg.Forget })
}

// named returns some of the servers that are up, drawn anew each time, but not the one who asks.
func (p *Probe) named(asks machine.Node) (some []proto.Place) {
	var up []proto.Place
	for _, q := range p.peers {
		if q.up && q.Node != asks {
			up = append(up, q.Place)
		}
	}
	for range min(len(up), proto.MaxNamed) {
		at := int(p.rand.Roll() % uint64(len(up)))
		some = append(some, up[at])
		up = slices.Delete(up, at, at+1)
	}
	return some
}

// choose keeps the choice, or makes another.
func (p *Probe) choose() {
	nearest := p.nearest()
	q := p.peer(p.chosen)
	switch {
	case nearest == nil:
		p.chosen, p.beaten = 0, 0
		return
	case q == nil || !q.up:
		p.chosen, p.beaten = nearest.Node, 0
		return
	case !p.beats(nearest, q):
		p.beaten = 0
		return
	}
	if p.beaten++; p.beaten >= p.cfg.Rounds {
		p.chosen, p.beaten = nearest.Node, 0
	}
}

// nearest returns the nearest that is up, the lower node of two.
func (p *Probe) nearest() (near *peer) {
	for i := range p.peers {
		if q := &p.peers[i]; q.up && (near == nil || q.rtt < near.rtt) {
			near = q
		}
	}
	return near
}

// beats tells whether one is nearer than another by the margin.
func (p *Probe) beats(one, other *peer) bool {
	return one.rtt < other.rtt && 100*one.rtt < machine.Time(100-p.cfg.Margin)*other.rtt
}
