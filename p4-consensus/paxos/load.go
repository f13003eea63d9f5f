package paxos

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// Loading: what the disk kept.

// loaded is a slot's record.
type loaded struct {
	slot   uint64
	record uint64
	vote   vote
	chosen bool
}

// load takes one record. One that is damaged may have held a promise or a vote, and nobody
// knows which: see start.
func (r *Replica) load(e machine.Load) {
	r.records = e.Seq
	if e.Damaged {
		r.damaged++
		r.harmed = e.Seq
		r.arriving = nil
		return
	}
	switch rec := e.Record.(type) {
	case proto.Born:
		r.disk, r.life = rec.Disk, max(r.life, rec.Life)
		if rec.New {
			r.damaged = 0 // that was under another name
		}
	case proto.Formed:
		r.enter(proto.Reigns{{From: 1, Group: rec.Group}})
	case proto.Piece:
		r.loadPiece(e.Seq, rec)
	default:
		r.loadVote(e.Seq, rec)
	}
}

// loadVote takes what an acceptor or a learner has saved. Which slots there are to put it
// into is known when all records are loaded: see restore.
//
//ds:todo p4.8 return
func (r *Replica) loadVote(seq uint64, rec machine.Data) {
	switch rec := rec.(type) {
	case proto.Promised:
		r.raise(rec.Ballot)
	case proto.Voted:
		r.raise(rec.Ballot)
		r.durable = max(r.durable, rec.Commit)
		r.loaded = append(r.loaded, loaded{slot: rec.Slot, record: seq, vote: vote{rec.Ballot, rec.Value}})
	case proto.Learned:
		r.loaded = append(r.loaded, loaded{slot: rec.Slot, record: seq, vote: vote{value: rec.Value}, chosen: true})
	}
}

//ds:todo p4.8
func (r *Replica) raise(b proto.Ballot) {
	if r.promised.Less(b) {
		r.promised = b
	}
}

func (r *Replica) loadPiece(seq uint64, p proto.Piece) {
	if p.Index == 0 {
		r.arriving = snapshot.NewArriving(p.Slot, seq)
	}
	if r.arriving == nil {
		return
	}
	whole, ok := r.arriving.Add(p)
	if whole && ok && r.arriving.Slot > r.commit && r.adopt(&r.arriving.State) && r.harmed < r.arriving.Record {
		r.damaged = 0 // the snapshot stands for it
	}
	if whole || !ok {
		r.arriving = nil
	}
}

// restore builds the log from the records, and applies what is known to be chosen.
//
//ds:todo p4.8 return
func (r *Replica) restore() {
	r.arriving = nil
	const far = 1 << 20 // no vote is so far from those before; a snapshot that was lost is
	for _, l := range r.loaded {
		if l.slot < r.log.first || l.slot > r.log.end()+far {
			continue
		}
		s := r.log.grow(l.slot)
		s.vote, s.record = l.vote, l.record
		s.chosen = s.chosen || l.chosen
	}
	r.loaded = nil
	for n := r.commit + 1; n <= r.durable; n++ {
		s := r.log.at(n)
		if s == nil || !s.known() || !s.chosen && s.record < r.harmed {
			break // a later vote may have been lost: others know what was chosen
		}
		s.chosen = true
	}
	if len(r.reigns) > 0 {
		r.advance()
	}
}
