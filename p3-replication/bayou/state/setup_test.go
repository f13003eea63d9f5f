package state_test

import (
	"errors"
	"fmt"
	"strings"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// tiny is a language of programs: a check "K" holds where there is no K, and the check "?" is
// in error; a merge procedure "K=V" sets K if there is none, "+K" appends a letter to K, and
// others are special.
type tiny struct{}

func (tiny) Validate(string, string) error { return nil }

func (tiny) Check(program string, db state.Reader, _ []proto.Change) (bool, error) {
	if program == "?" {
		return false, errors.New("a check in error")
	}
	_, ok := db.Get(program)
	return !ok, nil
}

func (tiny) Merge(program string, db state.Reader, update []proto.Change) ([]proto.Change, error) {
	switch program {
	case "count": // what it finds depends on all that is there
		n := 0
		for range db.Scan("", "") {
			n++
		}
		return []proto.Change{{Key: "n", Value: fmt.Append(nil, n)}}, nil
	case "no key":
		return []proto.Change{{Value: []byte("v")}}, nil
	case "much":
		return make([]proto.Change, proto.MaxChanges+1), nil
	case "large":
		return []proto.Change{{Key: "a", Value: make([]byte, 4<<20)}, {Key: "b", Value: make([]byte, 4<<20)}}, nil
	case "shout":
		return nil, errors.New(strings.Repeat("é", 5000))
	}
	if key, ok := strings.CutPrefix(program, "+"); ok {
		old, _ := db.Get(key)
		return []proto.Change{{Key: key, Value: append([]byte("x"), old...)}, {Key: update[0].Key, Delete: true}}, nil
	}
	key, value, _ := strings.Cut(program, "=")
	if _, taken := db.Get(key); taken {
		return nil, errors.New("taken")
	}
	return []proto.Change{{Key: key, Value: []byte(value)}}, nil
}

func newState() *state.State { return state.New(tiny{}) }

func put(time uint64, key, value string) *proto.Write {
	return &proto.Write{
		ID: vector.Stamp{Time: time, Server: vector.Root}, Kind: proto.Update,
		Update: []proto.Change{{Key: key, Value: []byte(value)}},
	}
}

// guarded is a put with a check and a merge procedure.
func guarded(time uint64, key, check, merge string) *proto.Write {
	w := put(time, key, fmt.Sprint(time))
	w.Check, w.Merge = check, merge
	return w
}

// shows is the items of a view: "a=1 b=2".
func shows(s *state.State, v state.View) string {
	var words []string
	for key, it := range s.Items(v, "", "", false) {
		words = append(words, fmt.Sprintf("%s=%s", key, it.Value))
	}
	return strings.Join(words, " ")
}

// settled does writes and settles them.
func settled(writes ...*proto.Write) *state.State {
	s := newState()
	for _, w := range writes {
		s.Settle(s.Do(w))
	}
	return s
}

// pairs are those of a view, as they are sent.
func pairs(s *state.State, v state.View) (all []proto.Pair) {
	for key, value := range s.Snapshot(v).Pairs("") {
		all = append(all, proto.Pair{Key: key, Value: value})
	}
	return all
}
