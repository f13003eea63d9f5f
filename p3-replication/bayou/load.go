package bayou

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/order"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// loaded is a record that the disk kept; nil is one that is damaged.
type loaded struct {
	seq uint64
	rec machine.Data
}

// load gathers the records: what they mean depends on later ones.
func (s *Server) load(e machine.Load) {
	s.records = e.Seq
	if f, ok := e.Record.(proto.Forgot); ok {
		s.loaded, s.me = s.loaded[:0], proto.Named{Place: f.Place}
		return
	}
	s.loaded = append(s.loaded, loaded{e.Seq, e.Record})
}

// start begins a life of the process, and of the server if the disk has none.
func (s *Server) start() {
	s.life = s.draw() | 1
	s.restore()
	s.loaded = nil
	if s.me.Place.Node == 0 {
		s.begin()
	}
	s.ready = true
	s.settle()
	s.tick()
}

// restore builds from the records what they tell: from the last committed state that was saved
// whole, or from the first write on.
func (s *Server) restore() {
	base, whole := s.lastState()
	if slices.ContainsFunc(s.loaded[base:], func(l loaded) bool { return l.rec == nil }) {
		s.forget()
		return
	}
	for _, l := range s.loaded {
		if named, ok := l.rec.(proto.Named); ok {
			s.me = named
		}
	}
	if s.me.Name == vector.Root {
		s.log.Known.Raise(vector.Stamp{Server: vector.Root})
	}
	if whole != nil {
		if err := s.state.Load(whole.Pairs); err != nil {
			s.note("damaged", "the state after number %d: %v", whole.At.Commit, err)
			s.forget()
			return
		}
		s.restart(whole.At.Commit, whole.Sure)
	}
	s.replay(base)
	if s.me.Name == vector.Root && s.log.Last() == 0 {
		s.bearRoot() // the founding was cut off between its two records
	}
}

// replay takes in the writes of the records from the base on, and then their numbers. A write
// that was tentative when the base began may stand behind one of the same server's that was
// learned since, or behind its number: so the writes are taken in by their stamps, which is an
// order in which they can be learned.
func (s *Server) replay(base int) {
	for _, w := range s.learned(base) {
		if !s.log.Known.Knows(w.ID) {
			s.insert(w)
		}
		s.kept += w.Size()
	}
	for _, l := range s.loaded[base:] {
		switch rec := l.rec.(type) {
		case proto.Committed:
			for i, id := range rec.IDs {
				if rec.First+uint64(i) == s.log.Commit()+1 {
					s.commit(id)
				}
			}
			s.kept += itemSize * len(rec.IDs)
		case proto.Kept:
			s.clock.Witness(rec.Clock)
		}
	}
}

// learned returns the writes of the records from the base on, in the order of their stamps.
func (s *Server) learned(base int) (writes []*proto.Write) {
	for _, l := range s.loaded[base:] {
		if rec, ok := l.rec.(proto.Learned); ok {
			writes = append(writes, &rec.Write)
		}
	}
	slices.SortStableFunc(writes, func(a, b *proto.Write) int { return a.ID.Compare(b.ID) })
	return writes
}

// lastState returns the last state that was saved whole, in one part, and the place among the
// records where what belongs to it begins: nil and 0 if there is none.
//
//ds:todo p3.8 return 0, nil
func (s *Server) lastState() (base int, whole *proto.Part) {
	for end := len(s.loaded) - 1; end >= 0; end-- {
		if last, ok := s.loaded[end].rec.(proto.Kept); ok && last.Part.Next == "" {
			if base, whole := s.stateBefore(end); whole != nil {
				return base, whole
			}
		}
	}
	return 0, nil
}

// stateBefore puts together the state whose last part is at a place. Other records may stand
// between its parts.
//
//ds:todo p3.8
func (s *Server) stateBefore(end int) (base int, whole *proto.Part) {
	last := s.loaded[end].rec.(proto.Kept).Part
	parts, next := [][]proto.Pair{last.Pairs}, last.At.From
	for base = end; next != "" && base > 0; {
		base--
		kept, ok := s.loaded[base].rec.(proto.Kept)
		if ok && kept.Part.At.Commit == last.At.Commit && kept.Part.Next == next {
			parts, next = append(parts, kept.Part.Pairs), kept.Part.At.From
		}
	}
	named := false // which comes first, and the tentative writes of then behind it
	for next == "" && !named && base > 0 {
		base--
		_, named = s.loaded[base].rec.(proto.Named)
	}
	if !named {
		return 0, nil
	}
	slices.Reverse(parts)
	return base, &proto.Part{At: last.At, Sure: last.Sure, Pairs: slices.Concat(parts...)}
}

// forget begins anew, as on an empty disk: what this server has said may be more than it
// knows now, so it may not speak under its name any more.
func (s *Server) forget() {
	lost := 0
	for _, l := range s.loaded {
		lost += btoi(l.rec == nil)
	}
	s.note("damaged", "%d records of the disk are damaged: this server begins anew under another name, and what only it knew is lost", lost)
	s.begin()
}

// begin makes this server one without a name, as on an empty disk. It knows nothing.
func (s *Server) begin() {
	s.me = proto.Named{Place: proto.Place{Node: s.self.Node, Life: s.draw() | 1, Addr: s.cfg.Addr, Zone: s.cfg.Zone}}
	s.life = s.draw() | 1 // what is on its way to the former name is not heard
	s.log, s.state, s.clock, s.done, s.ordered = order.Log{}, state.New(s.programs), vector.Clock{}, nil, nil
	s.pull, s.arriving, s.shipped, s.kept, s.unsettled = pull{}, arriving{}, nil, 0, false
	s.founding, s.denied, s.peers = 0, nil, nil
	s.meet()
	s.keeping = keeping{first: s.save(proto.Forgot{Place: s.me.Place}), last: s.records, whole: true}
	s.send(s.self, proto.Saved{Record: s.records})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
