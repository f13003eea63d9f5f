package bayou

import (
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// accept takes a write of this server's own: it gets a stamp above all that are known here, so
// that it comes behind what it may rest on ('95, 5; causal order), and is durable before
// anybody hears of it. It returns false if the clock has come to its end.
//
//ds:todo p3.4
func (s *Server) accept(w *proto.Write) bool {
	t := s.clock.Tick()
	if t == 0 {
		return false
	}
	w.ID = vector.Stamp{Time: t, Server: s.me.Name}
	s.insert(w)
	s.kept += w.Size()
	s.save(proto.Learned{Write: *w})
	return true
}
