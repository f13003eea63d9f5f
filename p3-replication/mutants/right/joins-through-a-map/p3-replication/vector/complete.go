package vector

import "fmt"

// State is what a vector tells of a server.
type State int

// The states of a server.
const (
	Unheard State = iota // not even its creation is known, nor anything else of it
	Present              // it has an entry
	Retired              // all that it ever accepted is known: its entry was removed
)

// String writes a state as a word.
func (s State) String() string {
	switch s {
	case Unheard:
		return "unheard"
	case Present:
		return "present"
	case Retired:
		return "retired"
	}
	return fmt.Sprintf("state %d", int(s))
}

// Complete tells up to which time a server's writes are known, whether it has an entry or not
// (Bayou '97, section 4.3, CompleteV): 0 for one that is Unheard, MaxTime for one that is Retired.
//
// A server without an entry is Retired if the write that created it is known, and otherwise Unheard.
// Root was created before all vectors: only the empty Vector has not heard of it. So one server
// has to stay, for all the others are told from those that are there.
func (v Vector) Complete(s Server) (t uint64, state State) {
	if t, ok := v.Get(s); ok {
		return t, Present
	}
	parent, created, ok := s.Parent()
	switch {
	case ok && v.Knows(Stamp{Time: created, Server: parent}), s == Root && len(v) > 0:
		return MaxTime, Retired
	}
	return 0, Unheard
}

// Knows tells whether a write is known: its server's entry has reached its stamp, or the server
// has Retired.
func (v Vector) Knows(s Stamp) bool {
	t, state := v.Complete(s.Server)
	return state != Unheard && s.Time <= t
}

// Join makes v tell what is known to one who knows all that v and w know. It differs from Merge
// where one has no entry of a server because the server has Retired: neither has the result.
// It keeps nothing of w's memory.
func (v *Vector) Join(w Vector) {
	all := v.table()
	for s, t := range w.table() {
		all[s] = max(all[s], t)
	}
	for s := range all {
		_, here := v.Complete(s)
		if _, there := w.Complete(s); here == Retired || there == Retired {
			delete(all, s)
		}
	}
	*v = sorted(all)
}
