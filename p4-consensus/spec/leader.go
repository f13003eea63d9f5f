package spec

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// lead is a ballot of a node's own, from its promise to itself on.
type lead struct {
	ballot proto.Ballot
	own    map[uint64]vote // its votes before
	told   map[proto.Voter]*told
	round  uint64 // of the last beat
	echoes map[proto.Voter]uint64
	lent   bool // it has asked another to lead: others may heed that at any time
}

// told is what a voter's promise has told.
type told struct {
	votes map[uint64]vote
	done  bool // these were all
}

// hears takes what arrives: it was said, so what it rests on is durable.
func (l *Log) hears(n *node, from machine.Addr, msg machine.Data) {
	switch m := msg.(type) {
	case proto.Prepare:
		n.from, n.blessed = m.From, m.Blessed
		if u := l.ballots[m.Ballot]; u != nil {
			u.heard = true
		}
	case proto.Promise:
		v := proto.Voter{Node: from.Node, Disk: m.Disk}
		l.disk(v).raise(m.Ballot)
		if n.lead != nil && n.lead.ballot == m.Ballot {
			n.lead.hear(v, m, from.Node == n.id)
		}
	case proto.Saved:
		n.living = n.living || from.Node == n.id
	case proto.Accepted:
		l.vote(proto.Voter{Node: from.Node, Disk: m.Disk}, m.Slot, m.Ballot)
	case proto.Echo:
		v := proto.Voter{Node: from.Node, Disk: m.Disk}
		l.disk(v).raise(m.Ballot)
		if n.lead != nil && n.lead.ballot == m.Ballot {
			n.lead.echoes[v] = max(n.lead.echoes[v], m.Round)
		}
	case proto.ReadAsk:
		if n.remote[m] == nil {
			n.remote[m] = l.newAsk(n)
		}
	case proto.ReadAt:
		for _, a := range n.asks {
			a.confirmed = true
		}
	}
}

func (d *lead) hear(v proto.Voter, m proto.Promise, own bool) {
	t := d.told[v]
	if t == nil {
		t = &told{votes: map[uint64]vote{}}
		d.told[v] = t
	}
	if own {
		t.votes = d.own
	}
	for _, w := range m.Votes {
		t.votes[w.Slot] = vote{w.Ballot, identity(w.Value)}
	}
	t.done = t.done || m.Next == 0
}

// says judges what a node sends.
func (l *Log) says(n *node, e *machine.Envelope) {
	switch m := e.Msg.(type) {
	case proto.Prepare:
		l.prepares(n, m.Ballot, e.Early)
	case proto.Promise:
		l.speaks(n, m.Disk)
		l.rests(n, m.Ballot, e.Early)
		if e.To.Node != n.id {
			l.promises(n, m)
			l.loyal(n, m.Ballot)
		}
	case proto.Accept:
		l.leads(n, m.Ballot)
		l.claims(n, m.Commit)
		l.proposed(n, m.Slot, m.Ballot, m.Value)
	case proto.Accepted:
		l.speaks(n, m.Disk)
		l.accepts(n, m, e.Early)
		if e.To.Node != n.id {
			n.follows = m.Ballot
		}
	case proto.Beat:
		l.leads(n, m.Ballot)
		l.claims(n, m.Commit)
		if n.lead != nil {
			n.lead.round = max(n.lead.round, m.Round)
			n.follows, n.heard = m.Ballot, n.now-l.cfg.Lease // it leads: the lease of whom it heard is over
		}
	case proto.Echo:
		l.speaks(n, m.Disk)
		l.rests(n, m.Ballot, e.Early)
		l.claims(n, m.Commit)
		n.follows, n.heard = m.Ballot, n.now
	case proto.Campaign:
		if n.lead != nil {
			n.lead.lent = true
		}
	case proto.Forward, proto.ReadAsk:
		if !n.living {
			l.wrong("saved first", "node %d numbers what it hands on before it is saved that this life has begun", n.id)
		}
	case proto.Learn:
		l.claims(n, m.Commit)
		for i, v := range m.Values {
			l.claimsValue(n, m.From+uint64(i), v)
		}
	case proto.Nack:
		l.claims(n, m.Commit)
	case proto.Install:
		l.areChosen(n, m.Slot)
	case proto.ReadAt:
		l.tellsRead(n, m)
	}
}

// speaks checks the name under which a node promises or votes.
func (l *Log) speaks(n *node, name uint64) {
	if d := l.disks[proto.Voter{Node: n.id, Disk: name}]; name != n.disk || d != nil && d.lost {
		l.wrong("damage", "node %d speaks as disk %x: it is %x, or was damaged", n.id, name, n.disk)
	}
}

// rests checks that the promise of a ballot is saved before it is said, and is the last.
func (l *Log) rests(n *node, b proto.Ballot, early bool) {
	if early || n.promised.Less(b) {
		l.wrong("saved first", "node %d speaks in ballot %v before its promise is saved: that was of %v", n.id, b, n.promised)
	}
	if b.Less(n.promised) {
		l.wrong("A1", "node %d takes part in ballot %v after it has promised %v", n.id, b, n.promised)
	}
}

// prepares judges the beginning of phase 1. It may go on for a ballot that the node itself
// gives up in this step.
func (l *Log) prepares(n *node, b proto.Ballot, early bool) {
	if early || n.promised.Less(b) {
		l.wrong("saved first", "node %d prepares ballot %v before its own promise is saved", n.id, b)
	}
	u := l.ballots[b]
	if u == nil {
		u = &use{life: n.life}
		l.ballots[b] = u
	}
	if b.Node != n.id || n.lead == nil || u.heard && u.life != n.life {
		l.wrong("ballot", "node %d prepares ballot %v, which is another node's or was used in another life", n.id, b)
	}
	u.life = n.life
}

// leads judges who speaks as the leader of a ballot.
func (l *Log) leads(n *node, b proto.Ballot) {
	if n.lead == nil || n.lead.ballot != b {
		l.wrong("ballot", "node %d speaks as the leader of ballot %v, in which it has not run", n.id, b)
	}
	if l.led.Less(b) {
		l.led = b
	}
}

// promises checks that a promise tells of every vote that it should.
func (l *Log) promises(n *node, m proto.Promise) {
	said := map[uint64]vote{}
	for _, w := range m.Votes {
		said[w.Slot] = vote{w.Ballot, identity(w.Value)}
		if w.Chosen {
			l.claimsValue(n, w.Slot, w.Value)
		}
	}
	for s, v := range n.votes {
		w, ok := said[s]
		chosen := l.slot(s).chosen
		switch {
		case s < n.from || s <= n.snapshot || m.Next > 0 && s >= m.Next || ok && w == v:
		case ok && w.ballot.IsZero() && chosen != nil && chosen.id == w.id:
		default:
			l.wrong("A3", "node %d promises ballot %v and does not tell of its vote for a slot in ballot %v", n.id, m.Ballot, v.ballot)
		}
	}
}

// loyal checks that nobody is helped to lead while another's lease may last, unless that one
// has asked for it.
func (l *Log) loyal(n *node, b proto.Ballot) {
	blessed := !n.blessed.IsZero() && n.blessed == n.follows
	if n.now < n.heard+l.cfg.Lease && b.Node != n.follows.Node && !blessed && n.raised {
		l.wrong("lease", "node %d promises ballot %v, and has heard that of %v less than a lease ago", n.id, b, n.follows)
	}
}

// accepts judges what is said of a vote.
func (l *Log) accepts(n *node, m proto.Accepted, early bool) {
	if m.Ballot.Less(n.promised) {
		l.wrong("A2", "node %d accepts in ballot %v after it has promised %v", n.id, m.Ballot, n.promised)
	}
	s := l.slot(m.Slot)
	p := s.of(m.Ballot)
	same := s.chosen != nil && p != nil && s.chosen.id == p.id
	if early || !same && n.votes[m.Slot].ballot != m.Ballot {
		l.wrong("saved first", "node %d tells of a vote for slot %d in ballot %v before it is saved", n.id, m.Slot, m.Ballot)
	}
}

// proposed returns a ballot's proposal for a slot, and judges a new one.
func (l *Log) proposed(n *node, number uint64, b proto.Ballot, v proto.Value) *proposal {
	s, id := l.slot(number), identity(v)
	p := s.of(b)
	switch {
	case p != nil && p.id != id:
		l.wrong("C1", "node %d has another value for slot %d in ballot %v than was proposed", n.id, number, b)
	case p == nil && b.Node != n.id:
		l.wrong("C1", "node %d votes for slot %d in ballot %v, and nobody has proposed that", n.id, number, b)
	case p == nil:
		p = &proposal{ballot: b, id: id, value: v}
		l.lawful(n, number, s, p)
		s.proposals = append(s.proposals, p)
	}
	return p
}

// lawful judges a new proposal.
func (l *Log) lawful(n *node, number uint64, s *slot, p *proposal) {
	l.leads(n, p.ballot)
	l.wasAsked(p.value)
	g := l.group(number)
	switch {
	case n.lead == nil || l.err != nil:
	case g == nil || number > l.prefix+l.cfg.Alpha:
		l.wrong("R5", "node %d proposes for slot %d, and all is chosen up to %d", n.id, number, l.prefix)
	case s.chosen != nil && s.chosen.ballot.Less(p.ballot):
		if s.chosen.id != p.id {
			l.wrong("C2", "ballot %v proposes another value for slot %d than ballot %v has chosen", p.ballot, number, s.chosen.ballot)
		}
	case !n.lead.safe(g, number, p.id):
		l.wrong("P2c", "ballot %v proposes a value for slot %d that no quorum of promises allows", p.ballot, number)
	}
}

// safe tells whether a quorum has promised which has no votes, or none above a ballot in which
// this value was voted for: by one of them, or by this node, whose own promise may come late.
// What was proposed in that ballot was safe then, and nothing else can have been chosen since.
func (d *lead) safe(g *proto.Group, number uint64, id string) bool {
	highest := []proto.Ballot{{}}
	if v, ok := d.own[number]; ok && v.id == id {
		highest = append(highest, v.ballot)
	}
	for _, t := range d.told {
		if v, ok := t.votes[number]; ok && v.id == id {
			highest = append(highest, v.ballot)
		}
	}
	q1, _ := quorums(g)
	return slices.ContainsFunc(highest, func(b proto.Ballot) bool {
		return q1 <= count(g, func(v proto.Voter) bool {
			t := d.told[v]
			return t != nil && t.done && !b.Less(t.votes[number].ballot)
		})
	})
}

// wasAsked checks that every entry of a value was asked for, and that its number is its own.
func (l *Log) wasAsked(v proto.Value) {
	for i := range v.Entries {
		e := &v.Entries[i]
		body := string(e.Body)
		known := l.asked[command{e.Origin.Node, body}] || e.Origin.Node == 0 && l.expiry[body] || e.Kind == proto.EntryGroup
		if !known {
			l.wrong("asked", "nobody has asked node %d for the command that is proposed as its", e.Origin.Node)
		}
		if before, ok := l.bodies[e.Origin]; ok && before != body && e.Origin.Node != 0 {
			l.wrong("asked", "the number of a command of node %d names two", e.Origin.Node)
		}
		l.bodies[e.Origin] = body
	}
}
