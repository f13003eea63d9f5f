package spec

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// ask is what a node was asked and has not answered: by a caller, or a read by another node.
type ask struct {
	cmd       machine.Data
	ballot    proto.Ballot // that the node led in then
	round     uint64       // of its last beat then
	acked     uint64       // the last slot of which any caller had been told
	confirmed bool         // somebody has led since it was asked
}

func (l *Log) isAsked(n *node, e machine.Ask) {
	a := l.newAsk(n)
	a.cmd = e.Cmd
	n.asks[e.ID] = a
	l.asked[command{n.id, string(e.Cmd.AppendTo(nil))}] = true
}

func (l *Log) newAsk(n *node) *ask {
	a := &ask{acked: l.acked}
	if n.lead != nil {
		a.ballot, a.round = n.lead.ballot, n.lead.round
	}
	return a
}

// confirm notes for the reads that wait whether their node leads, now that they are asked.
func (l *Log) confirm(n *node) {
	for _, a := range n.asks {
		a.confirmed = a.confirmed || l.confirms(n, a)
	}
	for _, a := range n.remote {
		a.confirmed = a.confirmed || l.confirms(n, a)
	}
}

// confirms tells whether a quorum has answered a beat that left after the ask, or nobody has
// led after this node, whose lease may last.
func (l *Log) confirms(n *node, a *ask) bool {
	d := n.lead
	switch {
	case d == nil:
		return false
	case l.cfg.Lease > 0 && l.led == d.ballot && !d.lent:
		return true
	case a.ballot != d.ballot:
		a.ballot, a.round = d.ballot, 0
	}
	for i := range l.reigns {
		g := &l.reigns[i].Group
		_, q2 := quorums(g)
		if q2 <= count(g, func(v proto.Voter) bool { return v == n.voter() || d.echoes[v] > a.round }) {
			return true
		}
	}
	return false
}

// tellsRead judges the slot that a leader tells for another node's read.
func (l *Log) tellsRead(n *node, m proto.ReadAt) {
	a := n.remote[proto.ReadAsk{Disk: m.Disk, Life: m.Life, Seq: m.Seq}]
	switch {
	case a == nil || !a.confirmed && !l.confirms(n, a):
		l.wrong(l.readRule(), "node %d tells of a read at slot %d, and no quorum has confirmed it since", n.id, m.Slot)
	case m.Slot < a.acked:
		l.wrong("read", "node %d tells a read to be of slot %d, when a write at %d had been answered", n.id, m.Slot, a.acked)
	}
}

func (l *Log) readRule() string {
	if l.cfg.Lease > 0 {
		return "lease"
	}
	return "read"
}

// answers judges an answer: a write's is that of its execution, a read's has been confirmed.
func (l *Log) answers(n *node, r machine.Answer) {
	a := n.asks[r.ID]
	lang := l.cfg.Language
	delete(n.asks, r.ID)
	if a == nil || lang.Control != nil && lang.Control(a.cmd) != nil || l.cfg.Refused(r.Data) {
		return
	}
	switch lang.Sort(a.cmd) {
	case paxos.Write:
		l.answersWrite(n, a, r)
	case paxos.ReadIndex:
		if !a.confirmed {
			l.wrong(l.readRule(), "node %d answers a read that no quorum has confirmed since it was asked", n.id)
		}
	}
}

func (l *Log) answersWrite(n *node, a *ask, r machine.Answer) {
	answer := string(r.Data.AppendTo(nil))
	for _, done := range l.results[command{n.id, string(a.cmd.AppendTo(nil))}] {
		if done.answer == answer {
			l.acked = max(l.acked, done.slot)
			return
		}
	}
	l.wrong("R3", "node %d gives an answer that its command did not come to in the order that was chosen", n.id)
}
