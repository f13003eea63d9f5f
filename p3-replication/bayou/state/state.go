package state

import (
	"iter"
	"strings"

	"github.com/tidwall/btree"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Programs runs the programs of writes. A program sees the state and its write's update and
// nothing else, so that it gives the same everywhere, its errors' texts too.
type Programs interface {
	// Validate says what is wrong with a check or a merge procedure that no server can run.
	// Empty programs are none, and right.
	Validate(check, merge string) error

	// Check tells whether a dependency check holds.
	Check(program string, db Reader, update []proto.Change) (bool, error)

	// Merge returns what a merge procedure puts in the place of the update. An error says
	// that it found nothing, and why.
	Merge(program string, db Reader, update []proto.Change) ([]proto.Change, error)
}

// Reader is what a program sees of the state: the clients' keys and values.
type Reader interface {
	Get(key string) (value []byte, ok bool)

	// Scan iterates the keys from the first not less than from, up to but not including to;
	// an empty to means to the end.
	Scan(from, to string) iter.Seq2[string, []byte]
}

// State is both views. Make one with New.
type State struct {
	full, sure btree.Map[string, []byte]
	alike      bool // nothing that was done is not settled: full is both views, and sure is empty
	programs   Programs
	swaps      []swap // memory of DoSure
	conflicts  int    // in the full view
	moved      uint64 // how often the servers of the full view have changed
}

// New returns an empty State, whose writes' programs are run by programs.
func New(programs Programs) *State { return &State{programs: programs, alike: true} }

// View names one of the two.
type View bool

// The views.
const (
	Full View = false
	Sure View = true
)

func (s *State) view(v View) *btree.Map[string, []byte] {
	if v == Sure && !s.alike {
		return &s.sure
	}
	return &s.full
}

// part makes two of the views, before something is done in one of them only. It takes no time,
// but what is changed from now on in either is copied first.
func (s *State) part() {
	if s.alike {
		s.sure, s.alike = *s.full.Copy(), false
	}
}

// Prefixes of keys.
const (
	itemPrefix     = "k"
	conflictPrefix = "c"
	serverPrefix   = "s"
	primaryKey     = "p"
)

// Get returns a client's item.
func (s *State) Get(v View, key string) (Item, bool) {
	b, ok := s.view(v).Get(itemPrefix + key)
	if !ok {
		return Item{}, false
	}
	return mustItem(b), true
}

// Items iterates the clients' items of the keys from up to but not including to (empty: to
// the end), or the same from the last one down.
func (s *State) Items(v View, from, to string, descending bool) iter.Seq2[string, Item] {
	return func(yield func(string, Item) bool) {
		for key, b := range s.span(v, itemPrefix, from, to, descending) {
			if !yield(key, mustItem(b)) {
				return
			}
		}
	}
}

// span iterates the pairs whose keys have a prefix, between two bounds that have it not.
func (s *State) span(v View, prefix, from, to string, descending bool) iter.Seq2[string, []byte] {
	low, high := prefix+from, prefix+to
	if to == "" {
		high = after(prefix)
	}
	return func(yield func(string, []byte) bool) {
		inside := func(key string, value []byte) bool {
			return key >= low && key < high && yield(key[len(prefix):], value)
		}
		if !descending {
			s.view(v).Ascend(low, inside)
			return
		}
		s.view(v).Descend(high, func(key string, value []byte) bool {
			return key >= high || inside(key, value)
		})
	}
}

// after returns the least string that is greater than all that begin with a prefix.
func after(prefix string) string { return prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1) }

// Primary returns who gives commit numbers, as a view knows.
func (s *State) Primary(v View) vector.Server {
	if b, ok := s.view(v).Get(primaryKey); ok {
		return vector.Server(b)
	}
	return vector.Root
}

// Server is one of those that write, and where it runs.
type Server struct {
	Name  vector.Server
	Place proto.Place
}

// Servers iterates those that were born and have not retired, in order of names.
func (s *State) Servers(v View) iter.Seq[Server] {
	return func(yield func(Server) bool) {
		for name, b := range s.span(v, serverPrefix, "", "", false) {
			if !yield(Server{vector.Server(name), mustPlace(b)}) {
				return
			}
		}
	}
}

// Place returns where a server runs; ok is false if it was not born, or has retired.
func (s *State) Place(v View, name vector.Server) (place proto.Place, ok bool) {
	b, ok := s.view(v).Get(serverPrefix + string(name))
	if !ok {
		return proto.Place{}, false
	}
	return mustPlace(b), true
}

// Moved returns a number that is another one whenever the Servers of the full view are.
func (s *State) Moved() uint64 { return s.moved }

// Conflicts iterates what could not be resolved, after the one of a stamp on.
func (s *State) Conflicts(v View, beyond vector.Stamp) iter.Seq[Conflict] {
	return func(yield func(Conflict) bool) {
		for key, b := range s.span(v, conflictPrefix, stampKey(beyond), "", false) {
			if key != stampKey(beyond) && !yield(mustConflict(b)) {
				return
			}
		}
	}
}

// Unresolved returns how many Conflicts the full view has.
func (s *State) Unresolved() int { return s.conflicts }

// reader shows the full view to programs.
type reader struct{ s *State }

func (r reader) Get(key string) ([]byte, bool) {
	it, ok := r.s.Get(Full, key)
	return it.Value, ok
}

func (r reader) Scan(from, to string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, it := range r.s.Items(Full, from, to, false) {
			if !yield(strings.Clone(key), it.Value) {
				return
			}
		}
	}
}
