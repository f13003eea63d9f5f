package rsm

import (
	"context"
	"time"

	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// Leave makes ready to stop: from now on what is asked here is refused, what was asked
// before is waited for, and if this replica leads, the members that can be spoken to are
// asked one after the other to lead instead. It returns when another leads, or nobody can,
// or ctx has ended, whose error it is then: the others will find out by themselves.
func (r *Replica) Leave(ctx context.Context) error {
	r.leaving.Store(true)
	if err := r.drain(ctx); err != nil || r.cfg.Transfer == nil {
		return err
	}
	for _, m := range r.Report().Group.Members {
		if m.Node == r.cfg.Self || !r.roster.IsUp(m.Node) {
			continue
		}
		if r.Report().Role != roleLeader {
			return nil
		}
		if err := r.handOver(ctx, m.Node); err != nil {
			return err
		}
	}
	return nil
}

// drain waits until all that was asked here is answered. What was on its way to the machine
// is seen at the second look from now.
func (r *Replica) drain(ctx context.Context) error {
	for looks := 0; ; looks++ {
		s := r.sight.Load()
		if looks >= 2 && s.pending == 0 {
			return nil
		}
		select {
		case <-s.past:
		case <-r.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// handOver asks one member to lead and waits until another does, for as long as this
// replica begins nothing itself.
func (r *Replica) handOver(ctx context.Context, to machine.Node) error {
	if _, err := r.Loop.Ask(ctx, r.cfg.Transfer(to)); err != nil {
		return ctx.Err()
	}
	asked, cancel := context.WithTimeout(ctx, transferTime)
	defer cancel()
	_, _ = r.Await(asked, func(rep proto.Report) bool { return rep.Leader != r.cfg.Self && rep.Leader != 0 })
	return ctx.Err()
}

// transferTime bounds the wait for one member to lead.
const transferTime = time.Second

// decline answers what is asked of a replica that is leaving.
func (r *Replica) decline() machine.Data {
	rep := r.Report()
	try := ""
	if m, ok := rep.Group.Find(rep.Leader); ok && rep.Leader != r.cfg.Self {
		try = m.Addr
	}
	return r.cfg.Language.Refuse(paxos.Unavailable, "this replica is leaving", try)
}
