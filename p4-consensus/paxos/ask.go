package paxos

import (
	"bytes"
	"cmp"
	"slices"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/paxos/snapshot"
)

// asked is a command that this replica was asked and that has not been executed yet.
type asked struct {
	seq   uint64
	ask   uint64 // 0: nobody waits any more
	kind  proto.EntryKind
	body  []byte
	since machine.Time
	sent  machine.Time // when it last left for a leader
	to    proto.Ballot // whom; zero: it has never left, so that it is definitely not done
}

// giveUp is for how many elections a command waits for a leader before it is refused.
const giveUp = 10

// doubt is for how many elections a command that has left is waited for: without a quorum
// nobody knows what becomes of it.
const doubt = 3 * giveUp

// asked takes a command.
func (r *Replica) asked(id uint64, cmd machine.Data) {
	if r.lang.Control != nil {
		if c := r.lang.Control(cmd); c != nil {
			r.control(id, c)
			return
		}
	}
	sort := r.lang.Sort(cmd)
	switch {
	case sort == ReadLocal:
		r.serve(id, cmd)
	case len(r.asks)+len(r.reads) >= r.cfg.Queue:
		r.refuse(id, Overloaded, "too many commands wait at this replica")
	case sort == ReadIndex:
		r.addRead(id, cmd)
	case len(r.reigns) > 0 && !r.reigns.Has(r.voter()):
		r.refuse(id, Unavailable, "this replica is no member of the group")
	default:
		r.scratch = cmd.AppendTo(r.scratch[:0])
		r.submit(id, proto.EntryCommand, bytes.Clone(r.scratch))
	}
}

// refuse answers that a command was not done. It need not wait for anything.
func (r *Replica) refuse(id uint64, why Refusal, text string) {
	r.answer(id, r.lang.Refuse(why, text, r.elsewhere()))
}

// elsewhere returns the address of a leader that is not this replica.
func (r *Replica) elsewhere() string {
	if r.leader.Node == r.self.Node || len(r.reigns) == 0 {
		return ""
	}
	m, _ := r.reigns.Last().Group.Find(r.leader.Node)
	return m.Addr
}

// submit gives a command its number in this life, by which it is executed once however
// often it is sent.
func (r *Replica) submit(id uint64, kind proto.EntryKind, body []byte) {
	if len(r.asks) > 0 && r.seq-r.asks[0].seq >= snapshot.WindowSize-1 {
		if id != 0 {
			r.refuse(id, Overloaded, "an old command has not been decided yet")
		}
		return
	}
	r.seq++
	r.asks = append(r.asks, asked{seq: r.seq, ask: id, kind: kind, body: body, since: r.now})
	r.hand(&r.asks[len(r.asks)-1])
}

// hand hands a command to the leader, if one is known.
//
//ds:todo p4.7
func (r *Replica) hand(a *asked) {
	switch {
	case !r.living: // this life's number may be used again
		return
	case r.role == leading:
		if !r.enqueue(proto.Entry{Origin: r.origin(a.seq), Kind: a.kind, Body: a.body}) {
			return
		}
	case r.leader.Node != 0 && r.leader.Node != r.self.Node && a.kind == proto.EntryCommand:
		r.early(r.peer(r.leader.Node), proto.Forward{Disk: r.disk, Life: r.life, Seq: a.seq, Body: a.body})
	default:
		return
	}
	a.sent, a.to = r.now, r.leader
}

// origin names a command that was asked here.
func (r *Replica) origin(seq uint64) proto.Origin {
	return proto.Origin{Voter: r.voter(), Life: r.life, Seq: seq}
}

// dispatch hands everything that waits to a new leader.
func (r *Replica) dispatch() {
	for i := range r.asks {
		r.hand(&r.asks[i])
	}
	for i := range r.reads {
		r.reads[i].sent = 0
	}
	r.askReads()
}

// forwarded takes a command that another replica was asked.
//
//ds:todo p4.9
func (r *Replica) forwarded(from machine.Addr, m proto.Forward) {
	if r.role == leading && r.lead.blessed == 0 {
		r.enqueue(proto.Entry{Origin: proto.Origin{
			Voter: proto.Voter{Node: from.Node, Disk: m.Disk}, Life: m.Life, Seq: m.Seq,
		}, Body: m.Body})
	}
}

// executed answers a command that was asked here.
func (r *Replica) executed(e *proto.Entry, answer machine.Data) {
	if e.Origin != r.origin(e.Origin.Seq) {
		return
	}
	i, found := r.find(e.Origin.Seq)
	if !found {
		return
	}
	if id := r.asks[i].ask; id != 0 {
		r.answer(id, answer)
	}
	if i > 0 || len(r.asks) == 1 {
		r.asks = slices.Delete(r.asks, i, i+1)
		return
	}
	r.asks[0] = asked{} // as a rule it is the first, and the others need not move up
	r.asks = r.asks[1:]
}

// answer need not wait for this replica's disk: what was chosen is on a quorum's.
func (r *Replica) answer(id uint64, data machine.Data) {
	r.out.Reply = append(r.out.Reply, machine.Answer{ID: id, Early: true, Data: data})
}

// forgetExecuted ends commands that were executed in a snapshot's past: nobody here knows
// what was answered.
func (r *Replica) forgetExecuted() {
	r.forget(func(a *asked) bool { return r.seen.Done(r.origin(a.seq)) },
		"this replica has skipped the part of the log where it was executed")
}

// forgetSent ends commands that have left under a name that this replica gives up.
func (r *Replica) forgetSent() {
	r.forget(func(a *asked) bool { return !a.to.IsZero() }, "this replica is no member of the group any more")
}

func (r *Replica) forget(which func(*asked) bool, why string) {
	r.asks = slices.DeleteFunc(r.asks, func(a asked) bool {
		lost := which(&a)
		if lost && a.ask != 0 {
			r.refuse(a.ask, Unknown, why)
		}
		return lost
	})
}

func (r *Replica) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(r.asks, seq, func(a asked, seq uint64) int { return cmp.Compare(a.seq, seq) })
}

// cancel forgets who waits. What has left may still be executed.
func (r *Replica) cancel(id uint64) {
	for i := range r.asks {
		if r.asks[i].ask == id {
			r.asks[i].ask = 0
			if r.asks[i].to.IsZero() {
				r.asks = slices.Delete(r.asks, i, i+1)
			}
			return
		}
	}
	r.reads = slices.DeleteFunc(r.reads, func(q read) bool { return q.ask == id })
	r.parked = slices.DeleteFunc(r.parked, func(p parked) bool { return p.ask == id })
}

// remind sends again what got lost, and gives up what has found no leader.
//
//ds:todo p4.9 return
func (r *Replica) remind() {
	kept := r.asks[:0]
	for i := range r.asks {
		a := r.asks[i]
		late := r.now-a.since >= giveUp*r.cfg.Election
		switch {
		case late && a.to.IsZero():
			if a.ask != 0 {
				r.refuse(a.ask, Unavailable, "no leader was found")
			}
			continue
		case r.now-a.since >= doubt*r.cfg.Election:
			if a.ask != 0 {
				r.refuse(a.ask, Unknown, "no quorum has voted for it in time")
			}
			continue
		case late && a.ask == 0:
			continue // nobody waits, and it was sent often enough
		case a.to.IsZero() || r.role != leading && r.now-a.sent >= r.cfg.Election:
			r.hand(&a)
		}
		kept = append(kept, a)
	}
	clear(r.asks[len(kept):])
	r.asks = kept
}
