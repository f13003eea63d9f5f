package spec

import (
	"bytes"
	"maps"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// node is one life of a replica, as its records and messages show it.
type node struct {
	id   machine.Node
	life int

	// What its disk holds, synced or not.
	disk     uint64
	promised proto.Ballot
	votes    map[uint64]vote
	learned  map[uint64]bool
	arriving *snapshot.Arriving // of a snapshot that is being saved
	snapshot uint64             // the slot of the last whole one
	harmed   uint64             // the last record that was damaged and is not made up for; 0: none
	grouped  bool               // it knows a group
	commit   uint64             // the highest that it has claimed

	now     machine.Time // by its clock
	heard   machine.Time // when it last told a leader that it hears it, or began its life
	follows proto.Ballot // that leader's
	living  bool         // it is durable that this life has begun
	raised  bool         // it has promised in this step

	from    uint64       // what the Prepare of this step asks for
	blessed proto.Ballot // and who has asked for it
	lead    *lead        // its latest ballot; nil: it has none, or has promised a higher one
	asks    map[uint64]*ask
	remote  map[proto.ReadAsk]*ask
}

type vote struct {
	ballot proto.Ballot
	id     string
}

func newNode(id machine.Node, life int) *node {
	return &node{
		id: id, life: life, votes: map[uint64]vote{}, learned: map[uint64]bool{},
		asks: map[uint64]*ask{}, remote: map[proto.ReadAsk]*ask{},
	}
}

func (n *node) voter() proto.Voter { return proto.Voter{Node: n.id, Disk: n.disk} }

// load notes what an earlier life has left. A snapshot that is whole, and a new name, make
// up for damage before them.
func (n *node) load(e machine.Load) {
	if e.Damaged {
		n.harmed, n.arriving = e.Seq, nil
		return
	}
	if p, ok := e.Record.(proto.Piece); ok && p.Index == 0 {
		n.arriving = snapshot.NewArriving(p.Slot, e.Seq)
	}
	n.keep(e.Record)
}

// keep takes a record to what the disk holds.
func (n *node) keep(rec machine.Data) (whole *snapshot.Arriving) {
	switch r := rec.(type) {
	case proto.Born:
		n.disk = r.Disk
		if r.New {
			n.harmed = 0
		}
	case proto.Formed:
		n.grouped = true
	case proto.Promised:
		n.raise(r.Ballot)
	case proto.Voted:
		n.raise(r.Ballot)
		n.votes[r.Slot] = vote{r.Ballot, identity(r.Value)}
	case proto.Learned:
		n.learned[r.Slot] = true
	case proto.Piece:
		if n.arriving == nil {
			return nil
		}
		last, ok := n.arriving.Add(r)
		if last && ok {
			whole, n.grouped, n.snapshot = n.arriving, true, max(n.snapshot, r.Slot)
			if n.harmed < whole.Record {
				n.harmed = 0
			}
		}
		if last || !ok {
			n.arriving = nil
		}
	}
	return whole
}

func (n *node) raise(b proto.Ballot) {
	if n.promised.Less(b) {
		n.promised = b
		if n.lead != nil && n.lead.ballot != b {
			n.lead = nil
		}
	}
}

// awake compares what was loaded with what is known to be durable.
func (l *Log) awake(n *node) {
	if n.disk == 0 {
		return
	}
	d := l.disk(n.voter())
	d.lost = d.lost || n.harmed > 0
	if !d.lost && n.promised.Less(d.promised) {
		l.wrong("A1", "node %d has promised ballot %v, and after a crash its disk says %v", n.id, d.promised, n.promised)
	}
	for _, s := range slices.Sorted(maps.Keys(d.votes)) {
		if !d.lost && s > n.snapshot && !n.learned[s] && n.votes[s].ballot.Less(d.votes[s]) {
			l.wrong("A3", "node %d has voted for slot %d in ballot %v, and after a crash its disk does not say so", n.id, s, d.votes[s])
		}
	}
	for _, s := range slices.Sorted(maps.Keys(n.votes)) {
		l.vote(n.voter(), s, n.votes[s].ballot)
	}
}

// saves judges a record before it is kept.
func (l *Log) saves(n *node, rec machine.Data) {
	switch r := rec.(type) {
	case proto.Formed:
		l.forms(n, r.Group)
	case proto.Promised:
		n.raised = true
		if r.Ballot.Less(n.promised) {
			l.wrong("A1", "node %d saves a promise of ballot %v after one of %v", n.id, r.Ballot, n.promised)
		}
		if r.Ballot.Node == n.id && n.promised.Less(r.Ballot) {
			n.lead = &lead{ballot: r.Ballot, told: map[proto.Voter]*told{}, echoes: map[proto.Voter]uint64{}, own: maps.Clone(n.votes)}
		}
	case proto.Voted:
		l.votes(n, r)
	case proto.Learned:
		l.claimsValue(n, r.Slot, r.Value)
	case proto.Piece:
		l.areChosen(n, r.Slot)
		if r.Index == 0 {
			n.arriving = snapshot.NewArriving(r.Slot, 1)
		}
	}
	p, isPiece := rec.(proto.Piece)
	switch whole := n.keep(rec); {
	case whole != nil:
		l.sameState(n, whole, p.Body)
	case isPiece && n.arriving == nil:
		l.wrong("R3", "node %d saves piece %d of a snapshot after slot %d, which does not go on what it has saved", n.id, p.Index, p.Slot)
	}
}

// forms judges the first group. It has two versions if a disk is emptied while it forms: they
// differ by the name of that disk alone, which votes in the one or the other. Who is right
// shows when the group changes; what is chosen until then is not judged.
func (l *Log) forms(n *node, g proto.Group) {
	switch {
	case len(l.reigns) == 0:
		l.reigns = []proto.Reign{{From: 1, Group: g}}
	case bytes.Equal(proto.AppendGroup(nil, &g), proto.AppendGroup(nil, &l.reigns[0].Group)):
	case l.lost:
		l.void = true
	default:
		l.wrong("group", "node %d forms another first group than was formed before", n.id)
	}
}

// votes judges a vote. One that is on the disk already may be saved again.
func (l *Log) votes(n *node, r proto.Voted) {
	if n.votes[r.Slot] == (vote{r.Ballot, identity(r.Value)}) {
		return
	}
	if r.Ballot.Less(n.promised) {
		l.wrong("A2", "node %d votes for slot %d in ballot %v after it has promised %v", n.id, r.Slot, r.Ballot, n.promised)
	}
	l.claims(n, r.Commit)
	l.holds(n, r.Commit)
	if p := l.proposed(n, r.Slot, r.Ballot, r.Value); p != nil && !slices.Contains(p.cast, n.id) {
		p.cast = append(p.cast, n.id)
	}
}

// holds checks that a disk which says up to where all is chosen has what was chosen.
func (l *Log) holds(n *node, commit uint64) {
	for s := n.snapshot + 1; s <= commit && l.err == nil; s++ {
		if !n.learned[s] && n.votes[s].id != l.slot(s).chosen.id {
			l.wrong("saved first", "node %d saves that all up to slot %d is chosen, and not what was chosen for slot %d", n.id, commit, s)
		}
	}
}

// sameState compares a snapshot with the state that the chosen commands come to, and with
// the other snapshots of its slot.
func (l *Log) sameState(n *node, s *snapshot.Arriving, sum []byte) {
	if before, ok := l.sums[s.Slot]; ok && before != string(sum) {
		l.wrong("R3", "node %d has another state after slot %d than another node", n.id, s.Slot)
	}
	l.sums[s.Slot] = string(sum)
	rest := s.Pairs
	if view := l.views[s.Slot]; view != nil {
		for k, v := range view.Pairs("") {
			if len(rest) == 0 || rest[0].Key != k || !bytes.Equal(rest[0].Value, v) {
				l.wrong("R3", "node %d: the state after slot %d is not what its commands come to, at %q", n.id, s.Slot, k)
				return
			}
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		l.wrong("R3", "node %d: the state after slot %d holds %q, which its commands do not", n.id, s.Slot, rest[0].Key)
	}
}

// due checks that what can be answered is: an Accept in time by a vote, a Want by what is in
// the log, or by a snapshot.
func (l *Log) due(n *node, s *sim.Step) {
	in, _ := s.In.Event.(machine.Recv)
	said := func(is func(machine.Data) bool) bool {
		return slices.ContainsFunc(s.Out.Send, func(e machine.Envelope) bool { return e.To == in.From && is(e.Msg) })
	}
	switch m := in.Msg.(type) {
	case proto.Accept:
		timely := n.grouped && m.Ballot.Node == in.From.Node && !m.Ballot.Less(n.promised) && m.Slot <= n.commit+l.cfg.Alpha
		if timely && !said(func(d machine.Data) bool { return d == proto.Accepted{Ballot: m.Ballot, Disk: n.disk, Slot: m.Slot} }) {
			l.wrong("A2", "node %d does not vote for slot %d in ballot %v, and has promised only %v", n.id, m.Slot, m.Ballot, n.promised)
		}
	case proto.Want:
		if n.grouped && m.From <= n.commit && n.commit > 0 && !said(tellsChosen) {
			l.wrong("told", "node %d is asked for what is chosen from slot %d on, knows up to %d, and tells nothing", n.id, m.From, n.commit)
		}
	}
}

func tellsChosen(m machine.Data) bool {
	learn, _ := m.(proto.Learn)
	_, install := m.(proto.Install)
	return install || len(learn.Values) > 0
}
