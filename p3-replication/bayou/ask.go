package bayou

import (
	"hash/fnv"
	"slices"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// wait is a request of a session that this server cannot serve yet.
type wait struct {
	id    uint64
	req   *kv.Request
	until machine.Time
}

// Offers is what servers promise that stand behind a door.
func Offers() kv.Caps {
	return kv.Caps{Stage: 3, Level: kv.Session, Has: kv.CapStat | kv.CapMembers | kv.CapDurable | kv.CapTentative}
}

// asked answers a request at once, if it can.
func (s *Server) asked(id uint64, cmd machine.Data) {
	req, ok := cmd.(*kv.Request)
	if !ok {
		return
	}
	resp := s.serve(req)
	if resp != nil {
		s.out.Answer(id, resp)
		return
	}
	if s.cfg.Patience <= 0 || len(s.waits) >= s.cfg.Waiting {
		s.out.Answer(id, s.unsatisfied())
		return
	}
	s.waits = append(s.waits, wait{id, req, s.now + s.cfg.Patience})
}

// serve answers a request, or returns nil if it has to wait for what its session has seen.
func (s *Server) serve(req *kv.Request) *kv.Response {
	if bad := s.refuse(req); bad != nil {
		return bad
	}
	t, bad := s.readToken(req)
	if bad != nil {
		return bad
	}
	if !s.satisfied(&t, req.Op, req.Level) {
		return nil
	}
	s.shed(&t)
	if bad := s.outgrows(&t, req); bad != nil {
		return bad
	}
	resp := s.do(req, &t)
	if resp.Status != kv.Unavailable && resp.Status != kv.Overloaded && !kv.Administers(req.Op) {
		resp.Token = t.appendTo(nil)
	}
	return resp
}

// refuse refuses what no server serves, or this one not now.
func (s *Server) refuse(req *kv.Request) *kv.Response {
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	if _, inspects := req.Op.(kv.Inspect); inspects {
		return nil
	}
	switch {
	case req.Session != 0:
		return kv.Refuse(kv.Unsupported, "a numbered session: a server that is cut off cannot tell a repeated write from another")
	case req.Level > kv.Prefix:
		return kv.Refuse(kv.Unsupported, "level %s: at most %s, and %s of what is stable", req.Level, kv.Session, kv.Prefix)
	case !req.At.IsZero():
		return kv.Refuse(kv.Unsupported, "a read of revision %s: revisions have no order while writes are tentative", req.At)
	case !s.named():
		return s.elsewhere("this server has no name yet: it waits for another to bear it")
	case s.retired && !kv.ReadOnly(req.Op):
		return s.elsewhere("this server has retired")
	case !kv.ReadOnly(req.Op) && (len(s.log.Tentative()) >= s.cfg.Tentative || s.log.Bytes() >= s.cfg.Bytes):
		return kv.Refuse(kv.Overloaded, "%d tentative writes, and %d bytes of writes: no more before the primary has been heard", len(s.log.Tentative()), s.log.Bytes())
	}
	return nil
}

// elsewhere refuses a request that another server may serve.
func (s *Server) elsewhere(why string) *kv.Response {
	resp := kv.Refuse(kv.Unavailable, "%s", why)
	resp.Try = s.another()
	return resp
}

// unsatisfied refuses a request of a session that has seen more than is known here.
func (s *Server) unsatisfied() *kv.Response {
	resp := kv.Refuse(kv.Unsatisfied, "the session has read or written what this server does not know yet")
	resp.Try = s.another()
	return resp
}

// another returns the address of a peer, of one that knows more than this server if there is
// any.
func (s *Server) another() string {
	if len(s.peers) == 0 {
		return ""
	}
	first := int(s.draw() % uint64(len(s.peers)))
	for i := range s.peers {
		if p := &s.peers[(first+i)%len(s.peers)]; s.log.Ahead(&p.reach) {
			return p.Addr
		}
	}
	return s.peers[first].Addr
}

// do does a request that nothing stands against.
func (s *Server) do(req *kv.Request, t *token) *kv.Response {
	view := state.View(req.Level == kv.Prefix)
	switch op := req.Op.(type) {
	case kv.Put:
		if op.Lease != 0 {
			return unsupported(op)
		}
		return s.write(t, &proto.Write{Kind: proto.Update, Update: []proto.Change{{Key: op.Key, Value: op.Value}}}, op)
	case kv.Delete:
		return s.write(t, &proto.Write{Kind: proto.Update, Update: []proto.Change{{Key: op.Key, Delete: true}}}, op)
	case kv.Guarded:
		if err := s.programs.Validate(op.If, op.Else); err != nil {
			return kv.Refuse(kv.Invalid, "%v", err)
		}
		return s.write(t, guarded(op), op)
	case kv.Get, kv.Scan, kv.Stat:
		s.sawRead(t, req.Level)
		return s.read(view, op)
	case kv.Inquire:
		return s.inquire(op)
	case kv.Conflicts:
		return s.conflicts(view, op)
	case kv.Members, kv.Inspect, kv.Change, kv.Transfer:
		return s.administer(op)
	}
	return unsupported(req.Op)
}

func unsupported(op kv.Op) *kv.Response {
	return kv.Refuse(kv.Unsupported, "%s: servers that write while cut off offer get, put, delete, scan and guarded writes", kv.OpName(op))
}

func guarded(op kv.Guarded) *proto.Write {
	w := &proto.Write{Kind: proto.Update, Check: op.If, Merge: op.Else}
	for _, step := range op.Then {
		switch step := step.(type) {
		case kv.Put:
			w.Update = append(w.Update, proto.Change{Key: step.Key, Value: step.Value})
		case kv.Delete:
			w.Update = append(w.Update, proto.Change{Key: step.Key, Delete: true})
		}
	}
	return w
}

// write accepts a write of a client, and answers what became of it so far.
func (s *Server) write(t *token, w *proto.Write, op kv.Op) *kv.Response {
	if w.Size() > proto.MaxWrite {
		return kv.Refuse(kv.TooLarge, "a write of %d bytes: at most %d", w.Size(), proto.MaxWrite)
	}
	var missing bool
	if del, ok := op.(kv.Delete); ok {
		_, found := s.state.Get(state.Full, del.Key)
		missing = !found
	}
	if !s.accept(w) {
		return kv.Refuse(kv.Unavailable, "the clock of this server has come to its end")
	}
	resp := &kv.Response{Status: kv.OK, Rev: version(w.ID)}
	if _, ok := op.(kv.Guarded); ok {
		s.wind()
		resp.Result = kv.GuardedResult{Fate: kv.Fate(s.done[len(s.done)-1].Fate)}
	}
	if missing {
		resp.Status = kv.NotFound
	}
	s.settle()
	resp.Stable = s.log.Sure.Knows(w.ID)
	t.sawWrite(w.ID)
	return resp
}

// version is the name of a write for clients: its time, and of its server's name as much as
// fits.
func version(id vector.Stamp) kv.Version {
	if id.IsZero() {
		return kv.Version{}
	}
	h := fnv.New64a()
	h.Write([]byte(id.Server))
	return kv.Version{Hi: id.Time, Lo: h.Sum64() | 1}
}

// cancel forgets a request that nobody waits for any more.
func (s *Server) cancel(id uint64) {
	s.waits = slices.DeleteFunc(s.waits, func(w wait) bool { return w.id == id })
}

// serveWaits answers those of the requests that waited that can be served now. They may be
// writes, after which others can be.
//
//ds:todo p3.7 return
func (s *Server) serveWaits() {
	for i := 0; i < len(s.waits); {
		w := s.waits[i]
		resp := s.tryAgain(w)
		if resp == nil {
			i++
			continue
		}
		s.out.Answer(w.id, resp)
		i = 0
	}
}

// tryAgain serves a request that has waited, which is then no longer among those that wait.
//
//ds:todo p3.7
func (s *Server) tryAgain(w wait) *kv.Response {
	t, _ := s.readToken(w.req)
	if !s.satisfied(&t, w.req.Op, w.req.Level) {
		return nil
	}
	s.cancel(w.id)
	return s.serve(w.req)
}

// endWaits refuses the requests that have waited for too long.
//
//ds:todo p3.7 return
func (s *Server) endWaits() {
	s.waits = slices.DeleteFunc(s.waits, func(w wait) bool {
		if s.now < w.until {
			return false
		}
		s.out.Answer(w.id, s.unsatisfied())
		return true
	})
}
