package paxos

import (
	"iter"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// Snapshots: to the disk, so that the log can be trimmed, and to those who lag behind what
// is left of it.

// adopt makes a snapshot's state the present one; false if the service refuses it.
func (r *Replica) adopt(s *snapshot.State) bool {
	var pairs iter.Seq2[string, []byte] = func(yield func(string, []byte) bool) {
		for _, p := range s.Pairs {
			if !yield(p.Key, p.Value) {
				return
			}
		}
	}
	if err := r.service.Load(pairs); err != nil {
		r.note("violated", "a snapshot is no state: "+err.Error())
		return false
	}
	r.clock, r.seen, r.gone = s.Clock, s.Seen, s.Gone
	r.enter(s.Reigns)
	r.commit, r.snapped, r.unsnapped = s.Slot, s.Slot, 0
	r.log.drop(s.Slot + 1)
	return true
}

// writing is a snapshot of this replica's own, or one that has arrived, on its way to the
// disk.
type writing struct {
	*snapshot.Writer        // nil if all pieces are saved
	after            uint64 // the slot
	record           uint64 // of the first piece: what was saved before can go
	last             uint64 // of the last record that the trim waits for
}

// writer returns what writes the present state.
func (r *Replica) writer() *snapshot.Writer {
	return snapshot.NewWriter(r.commit, snapshot.Head{Clock: r.clock, Seen: r.seen, Reigns: r.reigns, Gone: r.gone}, r.service.View())
}

// considerSnapshot begins one when enough was applied since the last.
func (r *Replica) considerSnapshot() {
	if r.unsnapped < r.cfg.Snapshot || r.writing != nil || r.arriving != nil || !r.ready {
		return
	}
	r.unsnapped = 0
	r.writing = &writing{Writer: r.writer(), after: r.commit}
	r.writePiece()
}

// writePiece saves one piece; the next follows when it is durable.
func (r *Replica) writePiece() {
	w := r.writing
	p := w.Next()
	if p.Last {
		r.finish(w.record, p.Slot)
		w.Writer = nil
	}
	w.last = r.save(p)
	if p.Index == 0 {
		w.record = w.last
	}
	r.send(r.self, proto.Saved{Record: r.records})
}

// finish saves again what stands before a snapshot's first record and is still needed. The
// last piece comes behind it: a snapshot that is whole stands for all that was before it.
func (r *Replica) finish(record, slot uint64) {
	r.save(proto.Born{Disk: r.disk, Life: r.life})
	if !r.promised.IsZero() {
		r.save(proto.Promised{Ballot: r.promised})
	}
	for n := max(slot+1, r.log.first); n < r.log.end(); n++ {
		s := r.log.at(n)
		switch {
		case !s.known() || s.record >= record:
		case s.chosen:
			s.record = r.save(proto.Learned{Slot: n, Value: s.value})
		default:
			s.record = r.save(proto.Voted{Ballot: s.ballot, Slot: n, Commit: r.commit, Value: s.value})
		}
	}
}

// saved goes on when records are durable. Only now may what they replace be trimmed.
func (r *Replica) saved(m proto.Saved) {
	if !r.living && m.Record >= r.born {
		r.living = true
		r.dispatch()
	}
	w := r.writing
	switch {
	case w == nil || m.Record < w.last:
	case w.Writer != nil:
		r.writePiece()
	default:
		r.out.Trim = max(r.out.Trim, w.record)
		r.writing = nil
		r.snapped = max(r.snapped, w.after)
		if r.snapped > r.cfg.Retain {
			r.log.drop(r.snapped + 1 - r.cfg.Retain)
		}
	}
}

// shipment is a snapshot on its way to another replica.
type shipment struct {
	to    machine.Addr
	w     *snapshot.Writer
	piece proto.Piece // the last that was sent
	heard machine.Time
}

// ship begins to send a snapshot, or goes on with it.
func (r *Replica) ship(to machine.Addr) {
	for i, s := range r.shipments {
		if s.to == to {
			if s.w.Slot+1 >= r.log.first {
				r.send(to, proto.Install(s.piece))
				return
			}
			r.shipments = append(r.shipments[:i:i], r.shipments[i+1:]...)
			break
		}
	}
	if len(r.shipments) >= maxGuests {
		return
	}
	s := &shipment{to: to, w: r.writer(), heard: r.now}
	s.piece = s.w.Next()
	r.shipments = append(r.shipments, s)
	r.send(to, proto.Install(s.piece))
}

// installed sends the piece that the other one needs.
func (r *Replica) installed(from machine.Addr, m proto.Installed) {
	for i, s := range r.shipments {
		if s.to != from || s.w.Slot != m.Slot {
			continue
		}
		s.heard = r.now
		switch {
		case m.Index == s.piece.Index+1 && s.piece.Last:
			r.shipments = append(r.shipments[:i:i], r.shipments[i+1:]...)
			return
		case m.Index > s.piece.Index: // it may have those between from another replica
			for s.piece.Index < m.Index && !s.piece.Last {
				s.piece = s.w.Next()
			}
		case m.Index == 0:
			s.w.Restart()
			s.piece = s.w.Next()
		case m.Index != s.piece.Index:
			return
		}
		r.send(from, proto.Install(s.piece))
		return
	}
}

func (r *Replica) dropShipments() {
	kept := r.shipments[:0]
	for _, s := range r.shipments {
		if r.now-s.heard < giveUp*r.cfg.Election {
			kept = append(kept, s)
		}
	}
	clear(r.shipments[len(kept):])
	r.shipments = kept
}

// install takes a piece. A snapshot that tells nothing new is not wanted; one of which a
// piece is missing is asked for again from there.
func (r *Replica) install(from machine.Addr, m proto.Install) {
	if r.role == leading || m.Slot <= r.commit || r.writing != nil {
		return
	}
	r.patience = r.now + 2*r.cfg.Heartbeat
	a := r.arriving
	if a == nil || a.Slot < m.Slot {
		a = snapshot.NewArriving(m.Slot, r.records+1)
	}
	if a.Slot == m.Slot && a.Index == m.Index {
		whole, ok := a.Add(proto.Piece(m))
		if !ok {
			r.note("refuses", "a snapshot that is not whole")
			r.arriving = nil
			return
		}
		if whole {
			r.finish(a.Record, a.Slot)
		}
		r.save(proto.Piece(m))
		r.arriving = a
		if whole {
			r.arriving = nil
			r.takeOver(a)
		}
	} else if r.arriving == nil {
		a.Index = 0
	}
	r.send(from, proto.Installed{Slot: a.Slot, Index: a.Index})
}

// takeOver goes on from a snapshot that has come whole.
func (r *Replica) takeOver(a *snapshot.Arriving) {
	if !r.adopt(&a.State) {
		return
	}
	r.note("installs", "a snapshot")
	r.writing = &writing{after: a.Slot, record: a.Record, last: r.records}
	r.send(r.self, proto.Saved{Record: r.records})
	r.founding = founding{}
	r.advance()
	r.forgetExecuted()
	r.serveReads()
	r.wake()
}
