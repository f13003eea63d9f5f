package rsm

import (
	"sync/atomic"

	"dss.example/common/machine"
	"dss.example/common/wire/roster"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// sight is what the machine looked like after one of its steps.
type sight struct {
	report  proto.Report
	pending int
	past    chan struct{} // closed when there is a newer one
}

// watched is the machine, which is looked at after the steps that matter: it has no other
// words for what goes on inside than answers to those who ask.
type watched struct {
	*paxos.Replica
	owner  *Replica
	votes  bool         // it was a member of the group that decides the next slot
	silent machine.Time // until when nothing is said of what it waits for
	said   string       // of that, last
}

// Step implements machine.Machine.
func (w *watched) Step(in machine.In, out *machine.Out) {
	notes := len(out.Note)
	w.Replica.Step(in, out)
	_, ready := in.Event.(machine.Ready)
	recv, _ := in.Event.(machine.Recv)
	_, tick := recv.Msg.(proto.Tick)
	if ready || tick || len(out.Note) > notes {
		w.look(in.Now)
	}
}

// look publishes what there is to see, and has the network follow it.
func (w *watched) look(now machine.Time) {
	next := &sight{report: w.Report(), pending: w.Pending(), past: make(chan struct{})}
	w.owner.roster.Follow(listed(w.Peers()), w.owner.cfg.Clock.Now())
	last := w.owner.sight.Swap(next)
	if last != nil {
		w.owner.facts.count(&last.report, &next.report)
		close(last.past)
	}
	w.judge(now, &next.report)
}

// listed is members as the network knows them.
func listed(members []proto.Member) []roster.Member {
	all := make([]roster.Member, len(members))
	for i, m := range members {
		all[i] = roster.Member{Node: m.Node, Addr: m.Addr}
	}
	return all
}

// judge tells people of a replica that does not vote. One that did, and does no more, is
// of no use to the group.
func (w *watched) judge(now machine.Time, r *proto.Report) {
	switch r.Role {
	case roleForming, roleJoining:
		if w.votes {
			w.votes = false
			w.owner.cfg.Fail(ErrRemoved)
		}
	default:
		w.votes = true
	}
	switch {
	case r.Waiting == w.said:
		w.silent = now + patience
	case now >= w.silent:
		w.said = r.Waiting
		if w.said != "" {
			w.owner.cfg.Logger.Warn("this replica does not vote", "why", w.said)
		}
	}
}

// The roles of a proto.Report.
const (
	roleLeader    = "leader"
	roleFollower  = "follower"
	roleCandidate = "candidate"
	roleForming   = "forming"
	roleJoining   = "joining"
)

// facts counts what the machine has noted or shown.
type facts struct{ campaigns, terms, regroups, snapshots, installs atomic.Uint64 }

// count counts what a fact does not tell.
func (f *facts) count(last, next *proto.Report) {
	if next.Snapshot > last.Snapshot {
		f.snapshots.Add(1)
	}
}

// note counts and logs a fact.
func (r *Replica) note(f machine.Fact) {
	log := r.cfg.Logger.Info
	switch f.Name {
	case "campaigns":
		r.facts.campaigns.Add(1)
	case "leads":
		r.facts.terms.Add(1)
	case "regroups":
		r.facts.regroups.Add(1)
	case "installs":
		r.facts.installs.Add(1)
	case "forms", "steps down":
	case "violated":
		log = r.cfg.Logger.Error
	default:
		log = r.cfg.Logger.Debug
	}
	log("paxos "+f.Name, "what", f.Text)
}
