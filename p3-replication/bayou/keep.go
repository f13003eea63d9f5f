package bayou

import (
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// keeping is a committed state on its way to the disk, part by part, so that no step is long.
type keeping struct {
	first  uint64 // the record that begins it: those before are no longer needed behind the last
	last   uint64 // the newest of its records; 0: none is under way
	commit uint64
	sure   vector.Vector
	pairs  state.Snapshot
	next   string // where the next part begins; empty: there is none
}

// keep begins to save the committed state, if the records have become long since the last time.
func (s *Server) keep() {
	if s.kept >= s.cfg.Keep && s.keeping.last == 0 {
		s.beginKeep()
		s.send(s.self, proto.Saved{Record: s.keeping.last})
	}
}

// keepAll saves the committed state in one step: after this one nothing may leave before.
func (s *Server) keepAll() {
	s.beginKeep()
	for s.keeping.next != "" {
		s.keepPart(s.keeping.next)
	}
	s.send(s.self, proto.Saved{Record: s.keeping.last})
}

// beginKeep saves who this server is, the tentative writes, and the first part. The writes come
// before the parts: if the last part is there after a crash, so are they.
func (s *Server) beginKeep() {
	s.kept = 0
	s.keeping = keeping{
		first: s.save(s.me), commit: s.log.Commit(), sure: s.log.Sure.Clone(), pairs: s.state.Snapshot(state.Sure),
	}
	for _, w := range s.log.Tentative() {
		s.save(proto.Learned{Write: *w})
	}
	s.keepPart("")
}

func (s *Server) keepPart(from string) {
	k := &s.keeping
	part := proto.Part{At: proto.Cursor{Commit: k.commit, From: from}}
	part.Pairs, part.Next = k.pairs.Part(from)
	if part.Next == "" {
		part.Sure = k.sure
	}
	k.next = part.Next
	k.last = s.save(proto.Kept{Part: part, Clock: s.clock.Last()})
}

// saved goes on with the state when what was saved of it is durable, and lets go of the
// records that it stands for when all of it is.
func (s *Server) saved(m proto.Saved) {
	if m.Record != s.keeping.last {
		return
	}
	if s.keeping.next == "" {
		s.out.Trim = s.keeping.first
		s.keeping = keeping{}
		return
	}
	s.keepPart(s.keeping.next)
	s.send(s.self, proto.Saved{Record: s.keeping.last})
}
