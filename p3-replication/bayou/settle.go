package bayou

import (
	"slices"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// The writes have an order (package order), and the first of them are done (s.done). What
// changes the order undoes as far back as it must; before a step ends, all are done again.

// insert takes in a write that is not known. What comes behind it is undone.
//
//ds:todo p3.4
func (s *Server) insert(w *proto.Write) {
	at := s.log.Insert(w)
	s.unwind(at)
	s.clock.Witness(w.ID.Time)
	s.eager = true
}

// unwind undoes the tentative writes from a place on, the last one first.
//
//ds:todo p3.4
func (s *Server) unwind(to int) {
	if to == 0 && len(s.done) >= max(manyDone, s.state.Len(state.Full)/shareDone) {
		s.unwindAll()
		return
	}
	for i := len(s.done) - 1; i >= to; i-- {
		s.state.Undo(s.done[i])
		s.done[i] = state.Effect{}
		s.done = s.done[:i]
		s.cost.Undone++
	}
}

// unwindAll undoes all tentative writes at once, by going back to the sure view. What is changed
// after that is copied first, piece by piece: so there have to be many, for the size of the state.
//
//ds:todo p3.4
func (s *Server) unwindAll() {
	s.cost.Undone += uint64(len(s.done))
	s.done = nil
	s.state.Reset()
}

const (
	manyDone  = 64 // writes
	shareDone = 16 // of so many pairs one was written, if each write has changed one
)

// wind does the tentative writes that are not done.
//
//ds:todo p3.4
func (s *Server) wind() {
	left := s.log.Tentative()[len(s.done):]
	s.done = slices.Grow(s.done, len(left))
	for _, w := range left {
		s.done = append(s.done, s.state.Do(w))
		s.cost.Done++
	}
}

// commit gives a tentative write the next commit number. If it was done as the first of the
// tentative ones, what it did is what it does behind the committed ones, and nothing is
// undone. It returns false if there is no such write.
//
//ds:todo p3.4
func (s *Server) commit(id vector.Stamp) bool {
	at, ok := s.log.Find(id)
	if !ok {
		return false
	}
	if at > 0 {
		s.unwind(0)
	}
	if len(s.done) == 0 {
		s.state.DoSure(s.log.Tentative()[at])
		s.cost.Done++
	} else {
		s.state.Settle(s.done[0])
		s.done[0], s.done = state.Effect{}, s.done[1:]
	}
	s.log.Promote(at)
	s.eager = true
	return true
}

// settle ends a step that has taken in writes: the primary commits them, all are done, what
// was news to this server is told to others, and who has waited for it is served.
//
//ds:todo p3.4
func (s *Server) settle() {
	s.unsettled = false
	s.followOrder()
	s.commitAll()
	s.wind()
	if s.state.Moved() != s.met {
		s.disown()
	}
	s.commitAll()
	s.wind()
	s.retires()
	s.drop()
	s.keep()
	if s.state.Moved() != s.met {
		s.meet()
	}
	s.serveWaits()
	if s.eager {
		s.flush()
	}
}
