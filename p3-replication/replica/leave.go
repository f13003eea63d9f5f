package replica

import (
	"context"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// Leave makes ready to stop: from now on what is asked here is refused, and what was asked
// before is waited for; news goes to others on the way. It returns then, or when ctx has ended,
// whose error it is. The server keeps its name: it retires only by its own word, kv.Change.
func (r *Replica) Leave(ctx context.Context) error {
	r.leaving.Store(true)
	// What was on its way to the machine is seen at the second look from now.
	for looks := 0; ; looks++ {
		s := r.sight.Load()
		if looks >= 2 && s.report.Waiting == 0 {
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

// decline answers what is asked of a replica that is leaving.
func (r *Replica) decline() *kv.Response {
	resp := kv.Refuse(kv.Unavailable, "this replica is leaving")
	if near, ok := r.nearest(); ok && r.roster.IsUp(machine.Node(near.ID)) {
		resp.Try = near.Addr
		return resp
	}
	for _, p := range r.sight.Load().peers {
		if r.roster.IsUp(p.Node) {
			resp.Try = p.Addr
			break
		}
	}
	return resp
}
