package state

import (
	"fmt"

	"github.com/tidwall/btree"

	"dss.example/common/kv"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Fate is what became of a write, at its present place in the order.
type Fate uint8

// The fates.
const (
	Applied    Fate = iota + 1 // as it was asked
	Merged                     // what its merge procedure found instead
	Unresolved                 // nothing was changed; it is among the Conflicts
)

// Effect is what one write has changed, and the full view of before.
type Effect struct {
	Fate      Fate
	swaps     []swap
	before    *btree.Map[string, []byte] // which is never changed
	conflicts int                        // in it
}

// swap is one changed pair; nil is absent.
type swap struct {
	key   string
	after []byte
}

// Changed tells whether the write has changed a client's key.
func (e *Effect) Changed(key string) bool {
	for i := range e.swaps {
		if e.swaps[i].key == itemPrefix+key {
			return true
		}
	}
	return false
}

// DoSure does a write that is committed, in both views.
func (s *State) DoSure(w *proto.Write) { s.Settle(s.Do(w)) }

// Do does a write in the full view, behind all others that were done.
func (s *State) Do(w *proto.Write) (e Effect) {
	s.part()
	e.Fate, e.before, e.conflicts = Applied, s.full.Copy(), s.conflicts
	switch w.Kind {
	case proto.Update:
		s.update(w, &e)
	case proto.Birth:
		if name, err := w.Child(); err == nil {
			s.set(&e, serverPrefix+string(name), proto.AppendPlace(nil, &w.Place))
		}
	case proto.Retirement:
		s.set(&e, serverPrefix+string(w.ID.Server), nil)
		if w.ID.Server == s.Primary(Full) { // it was made that while it retired
			s.set(&e, primaryKey, []byte(s.first()))
		}
	case proto.Handover:
		_, there := s.full.Get(serverPrefix + string(w.Heir))
		if there && w.ID.Server == s.Primary(Full) { // nobody else can give it away
			s.set(&e, primaryKey, []byte(w.Heir))
		}
	}
	return e
}

// first returns the name of the first server in the full view: there is always one.
func (s *State) first() vector.Server {
	for server := range s.Servers(Full) {
		return server.Name
	}
	return vector.Root
}

// Undo takes back what a write did that was the last one done.
func (s *State) Undo(e Effect) {
	s.full, s.conflicts = *e.before.Copy(), e.conflicts
	s.moved++
}

// Settle shows in the sure view what a write did that is committed now: the first one done of
// those that were not settled yet.
func (s *State) Settle(e Effect) {
	for _, c := range e.swaps {
		if c.after == nil {
			s.sure.Delete(c.key)
		} else {
			s.sure.Set(c.key, c.after)
		}
	}
}

// update does an Update: if its check holds as it was asked, and else what its merge procedure
// finds ('95, figure 2).
func (s *State) update(w *proto.Write, e *Effect) {
	changes, err := w.Update, error(nil)
	if w.Check != "" {
		var holds bool
		holds, err = s.programs.Check(w.Check, reader{s}, w.Update)
		if err == nil && !holds {
			e.Fate = Merged
			changes, err = s.merge(w)
		}
	}
	if err != nil { // a check that ends in an error tells nothing that a procedure could go by
		e.Fate = Unresolved
		s.conflict(w, err, e)
		return
	}
	for i := range changes {
		s.change(w.ID, &changes[i], e)
	}
}

func (s *State) merge(w *proto.Write) ([]proto.Change, error) {
	if w.Merge == "" {
		return nil, errUnmerged
	}
	changes, err := s.programs.Merge(w.Merge, reader{s}, w.Update)
	if err == nil {
		err = checkChanges(changes)
	}
	return changes, err
}

func checkChanges(changes []proto.Change) error {
	if len(changes) > proto.MaxChanges {
		return fmt.Errorf("%d changes: at most %d", len(changes), proto.MaxChanges)
	}
	size := 0
	for i := range changes {
		c := &changes[i]
		size += len(c.Key) + len(c.Value)
		if c.Key == "" || len(c.Key) > kv.MaxKey || len(c.Value) > kv.MaxValue || size > proto.MaxWrite {
			return fmt.Errorf("change %d, of a key of %d bytes to a value of %d: at most %d, %d, and %d together",
				i, len(c.Key), len(c.Value), kv.MaxKey, kv.MaxValue, proto.MaxWrite)
		}
	}
	return nil
}

func (s *State) change(id vector.Stamp, c *proto.Change, e *Effect) {
	key := itemPrefix + c.Key
	if c.Delete {
		s.set(e, key, nil)
		return
	}
	it := Item{Mod: id, Create: id, Count: 1, Value: c.Value}
	if b, ok := s.full.Get(key); ok {
		old := mustItem(b)
		it.Create, it.Count = old.Create, old.Count+1
	}
	s.set(e, key, it.appendTo(make([]byte, 0, it.size())))
}

// conflict notes that a write could not be done. Of too many, the oldest is forgotten.
func (s *State) conflict(w *proto.Write, why error, e *Effect) {
	c := Conflict{ID: w.ID, Text: why.Error(), Update: w.Update}
	c.shorten()
	s.set(e, conflictPrefix+stampKey(w.ID), c.appendTo(nil))
	if s.conflicts > MaxConflicts {
		for key := range s.span(Full, conflictPrefix, "", "", false) {
			s.set(e, conflictPrefix+key, nil)
			break
		}
	}
}

// set changes a pair of the full view and keeps what was there.
func (s *State) set(e *Effect, key string, value []byte) {
	if old := s.replace(key, value); old != nil || value != nil {
		e.swaps = append(e.swaps, swap{key, value})
	}
}

// replace puts a value, or none if it is nil, in the place of what stood at a key, and returns that.
func (s *State) replace(key string, value []byte) (old []byte) {
	if value == nil {
		old, _ = s.full.Delete(key)
	} else {
		old, _ = s.full.Set(key, value)
	}
	switch key[:1] {
	case conflictPrefix:
		s.conflicts += btoi(value != nil) - btoi(old != nil)
	case serverPrefix:
		s.moved++
	}
	return old
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
