package paxos

import (
	"fmt"
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
)

// Reads that go round the log. Such a read is answered from the state of the replica that
// was asked, once that state holds everything that was chosen when the read was asked: the
// leader says up to which slot that is, after a quorum has told it that there was no other
// leader by then (or while its lease lasts).

// read is one that was asked here.
type read struct {
	ask   uint64
	seq   uint64
	cmd   machine.Data
	since machine.Time
	sent  machine.Time // to the leader; 0: not yet
	round uint64       // at a leader: the beat that has to be confirmed; 0: not yet begun
	known bool         // slot is: the state after it will do
	slot  uint64
}

// remoteRead is one that another replica was asked.
type remoteRead struct {
	from  machine.Addr
	msg   proto.ReadAsk
	round uint64
	slot  uint64
}

// parked is a read that waits for a change.
type parked struct {
	ask  uint64
	cmd  machine.Data
	ends machine.Time
}

func (r *Replica) addRead(id uint64, cmd machine.Data) {
	r.readSeq++
	r.reads = append(r.reads, read{ask: id, seq: r.readSeq, cmd: cmd, since: r.now})
	r.askReads()
}

// askReads sees to it that every read is on its way.
func (r *Replica) askReads() {
	if r.role == leading {
		r.serveReads()
		if r.readsWait() {
			r.flush()
		}
		return
	}
	if r.leader.Node == 0 || !r.living { // this life's number may be used again
		return
	}
	for i := range r.reads {
		if q := &r.reads[i]; !q.known && (q.sent == 0 || r.now-q.sent >= r.cfg.Election) {
			q.sent = max(r.now, 1)
			r.early(r.peer(r.leader.Node), proto.ReadAsk{Disk: r.disk, Life: r.life, Seq: q.seq})
		}
	}
}

// readAsked is a read at another replica.
func (r *Replica) readAsked(from machine.Addr, m proto.ReadAsk) {
	if r.role != leading || len(r.remote) >= r.cfg.Queue*proto.MaxMembers {
		return
	}
	r.remote = append(r.remote, remoteRead{from: from, msg: m})
	r.askReads()
}

func (r *Replica) readAt(m proto.ReadAt) {
	if m.Disk != r.disk || m.Life != r.life {
		return
	}
	for i := range r.reads {
		if q := &r.reads[i]; q.seq == m.Seq && !q.known {
			q.known, q.slot = true, m.Slot
		}
	}
	r.serveReads()
}

// current tells whether a leader's state holds all that was chosen before it led. Until
// then it does not know what it does not know.
func (r *Replica) current() bool {
	return r.role == leading && r.commit >= r.lead.recovered && r.lead.blessed == 0
}

// readsWait tells whether a beat is wanted for reads.
func (r *Replica) readsWait() bool {
	return r.current() &&
		(slices.ContainsFunc(r.reads, func(q read) bool { return q.round == 0 && !q.known }) ||
			slices.ContainsFunc(r.remote, func(q remoteRead) bool { return q.round == 0 }))
}

// beginReads ties the reads that wait to the beat that was just sent.
func (r *Replica) beginReads() {
	if !r.current() {
		return
	}
	for i := range r.reads {
		if q := &r.reads[i]; q.round == 0 && !q.known {
			q.round = r.lead.round
		}
	}
	for i := range r.remote {
		if q := &r.remote[i]; q.round == 0 {
			q.round, q.slot = r.lead.round, r.commit
		}
	}
	r.serveReads()
}

// leased tells whether no other can lead by now. A follower's promise lasts for Lease from
// when it heard a beat, which was after the beat left; a tenth is for each of the clocks.
func (r *Replica) leased() bool {
	return r.cfg.Lease > 0 && r.current() && !r.lead.lent &&
		r.confirmed(func(e echo) bool { return r.now-e.sent < r.cfg.Lease*8/10 })
}

// serveReads answers the reads whose time has come.
func (r *Replica) serveReads() {
	if len(r.reads) == 0 && len(r.remote) == 0 {
		return
	}
	var confirmed uint64 // the last round that is
	if r.current() {
		confirmed = r.confirmedRound()
	}
	leased := r.leased()
	reads := r.reads
	r.reads = nil
	for _, q := range reads {
		if leased || q.round > 0 && q.round <= confirmed || q.known && q.slot <= r.commit {
			r.serve(q.ask, q.cmd)
		} else {
			r.reads = append(r.reads, q)
		}
	}
	r.remote = slices.DeleteFunc(r.remote, func(q remoteRead) bool {
		switch {
		case leased:
			q.slot = r.commit
		case q.round == 0 || q.round > confirmed:
			return false
		}
		r.send(q.from, proto.ReadAt{Disk: q.msg.Disk, Life: q.msg.Life, Seq: q.msg.Seq, Slot: q.slot})
		return true
	})
}

// confirmedRound returns the last beat that a quorum has answered.
func (r *Replica) confirmedRound() (last uint64) {
	candidates := []uint64{r.lead.round}
	for _, e := range r.lead.echoes {
		candidates = append(candidates, e.round)
	}
	for _, round := range candidates {
		if round > last && r.confirmed(func(e echo) bool { return e.round >= round }) {
			last = round
		}
	}
	return last
}

// serve answers a read from the present state, or parks it.
func (r *Replica) serve(id uint64, cmd machine.Data) {
	answer := r.service.Read(r.clock, cmd)
	if r.lang.Wait != nil {
		if again, wait := r.lang.Wait(cmd, answer); wait > 0 {
			r.park(parked{ask: id, cmd: again, ends: r.now + wait})
			return
		}
	}
	r.answer(id, answer)
}

// park refuses what cannot wait: an empty answer would be asked for again at once.
func (r *Replica) park(p parked) {
	if len(r.parked) == maxParked {
		r.refuse(p.ask, Overloaded, fmt.Sprintf("%d reads wait for a change at this replica: at most %d", maxParked, maxParked))
		return
	}
	r.parked = append(r.parked, p)
}

// wake asks again what waits for a change.
func (r *Replica) wake() {
	kept := r.parked[:0]
	for _, p := range r.parked {
		answer := r.service.Read(r.clock, p.cmd)
		if again, wait := r.lang.Wait(p.cmd, answer); wait > 0 {
			p.cmd = again
			kept = append(kept, p)
			continue
		}
		r.answer(p.ask, answer)
	}
	clear(r.parked[len(kept):])
	r.parked = kept
}

// endWaits answers what has waited long enough.
func (r *Replica) endWaits() {
	r.parked = slices.DeleteFunc(r.parked, func(p parked) bool {
		if r.now < p.ends {
			return false
		}
		r.answer(p.ask, r.service.Read(r.clock, p.cmd))
		return true
	})
}

// giveUpReads refuses reads for which there was no leader in time.
func (r *Replica) giveUpReads() {
	r.reads = slices.DeleteFunc(r.reads, func(q read) bool {
		if r.now-q.since < giveUp*r.cfg.Election {
			return false
		}
		r.refuse(q.ask, Unavailable, "no leader has confirmed the read")
		return true
	})
}
