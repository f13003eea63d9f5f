package bayou

import (
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// keeping is a committed state on its way to the disk, piece by piece, so that no step is long.
type keeping struct {
	first  uint64         // the record that begins it: those before are no longer needed behind the last
	last   uint64         // the newest of its records; 0: none is under way
	writes []*proto.Write // that were tentative when it began, and are still to be saved
	commit uint64
	sure   vector.Vector
	pairs  state.Snapshot
	next   string // where the next part begins
	whole  bool   // all is saved
}

// keepBytes bounds the writes that a step of keeping saves, but for the last of them.
const keepBytes = 1

// keep begins to save the committed state, if the records have become long since the last time.
func (s *Server) keep() {
	if s.kept >= s.cfg.Keep && s.keeping.last == 0 {
		s.beginKeep(s.log.Commit(), s.log.Sure.Clone(), s.state.Snapshot(state.Sure))
	}
}

// beginKeep saves who this server is, and begins to save a committed state with the writes that
// are tentative beside it. The writes come before the parts: if the last part is there after a
// crash, so are they. What is learned and committed meanwhile stands between them: see replay.
func (s *Server) beginKeep(commit uint64, sure vector.Vector, pairs state.Snapshot) {
	s.kept = 0
	s.keeping = keeping{first: s.save(s.me), commit: commit, sure: sure, pairs: pairs}
	for _, w := range s.log.Tentative() {
		if !sure.Knows(w.ID) {
			s.keeping.writes = append(s.keeping.writes, w)
		}
	}
	s.keepOn()
}

// keepOn saves the next piece: some of the writes, and behind the last of them a part.
func (s *Server) keepOn() {
	k := &s.keeping
	for size := 0; len(k.writes) > 0 && size < keepBytes; k.writes = k.writes[1:] {
		size += k.writes[0].Size()
		k.last = s.save(proto.Learned{Write: *k.writes[0]})
	}
	if len(k.writes) == 0 {
		s.keepPart(k.next)
	}
	s.send(s.self, proto.Saved{Record: k.last})
}

func (s *Server) keepPart(from string) {
	k := &s.keeping
	part := proto.Part{At: proto.Cursor{Commit: k.commit, From: from}}
	part.Pairs, part.Next = k.pairs.Part(from)
	if part.Next == "" {
		part.Sure = k.sure
	}
	k.next, k.whole = part.Next, part.Next == ""
	k.last = s.save(proto.Kept{Part: part, Clock: s.clock.Last()})
}

// saved goes on with the state when what was saved of it is durable, and lets go of the
// records that it stands for when all of it is.
func (s *Server) saved(m proto.Saved) {
	switch {
	case m.Record != s.keeping.last || s.keeping.last == 0:
	case s.keeping.whole:
		s.out.Trim = s.keeping.first
		s.keeping = keeping{}
	case s.arriving.state == nil:
		s.keepOn()
	default:
		s.keepArrived()
	}
}
