package procedure_test

import (
	"iter"
	"slices"

	"dss.example/p3-replication/procedure"
)

// state is a Reader of a few pairs, kept sorted.
type state []procedure.Change

func stateOf(pairs ...string) state {
	var s state
	for i := 0; i < len(pairs); i += 2 {
		s = s.with(procedure.Change{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return s
}

func (s state) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s, key, func(c procedure.Change, key string) int {
		switch {
		case c.Key < key:
			return -1
		case c.Key > key:
			return +1
		}
		return 0
	})
}

// with returns the state after changes.
func (s state) with(changes ...procedure.Change) state {
	s = slices.Clone(s)
	for _, c := range changes {
		at, ok := s.find(c.Key)
		switch {
		case c.Delete && ok:
			s = slices.Delete(s, at, at+1)
		case !c.Delete && ok:
			s[at] = c
		case !c.Delete:
			s = slices.Insert(s, at, c)
		}
	}
	return s
}

func (s state) Get(key string) ([]byte, bool) {
	at, ok := s.find(key)
	if !ok {
		return nil, false
	}
	return s[at].Value, true
}

func (s state) Scan(from, to string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		at, _ := s.find(from)
		for _, c := range s[at:] {
			if to != "" && c.Key >= to || !yield(c.Key, c.Value) {
				return
			}
		}
	}
}

func put(key, value string) procedure.Change {
	return procedure.Change{Key: key, Value: []byte(value)}
}

func remove(key string) procedure.Change { return procedure.Change{Key: key, Delete: true} }
